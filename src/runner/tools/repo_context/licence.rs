//! Which licence a licence file holds, by sentences that only its text has.

/// Sentences (white space made one blank, lowercase) that name a licence; the first that is found counts.
const SENTENCES: &[(&str, &[&str])] = &[
    ("Apache-2.0", &["apache license version 2.0"]),
    ("AGPL-3.0", &["gnu affero general public license version 3"]),
    ("LGPL-3.0", &["gnu lesser general public license version 3"]),
    ("LGPL-2.1", &["gnu lesser general public license version 2.1"]),
    ("GPL-3.0", &["gnu general public license version 3"]),
    ("GPL-2.0", &["gnu general public license version 2"]),
    ("MPL-2.0", &["mozilla public license version 2.0"]),
    ("BSD-3-Clause", &["redistribution and use in source and binary forms", "neither the name"]),
    ("BSD-2-Clause", &["redistribution and use in source and binary forms"]),
    ("ISC", &["permission to use, copy, modify, and/or distribute this software for any purpose"]),
    ("MIT", &["permission is hereby granted, free of charge, to any person obtaining a copy"]),
    ("Unlicense", &["this is free and unencumbered software released into the public domain"]),
    ("CC0-1.0", &["cc0 1.0 universal"]),
    ("BSL-1.0", &["boost software license - version 1.0"]),
];

/// Is it a file of the kind?
pub(super) fn is_licence(name: &str) -> bool {
    let name = name.to_lowercase();
    ["license", "licence", "copying", "unlicense"].iter().any(|word| name.starts_with(word))
}

/// Its name; `unrecognised` where no sentence is found.
pub(super) fn licence_of(text: &str) -> &'static str {
    let words: Vec<String> =
        text.split_whitespace().map(|word| word.trim_matches(['*', '#']).to_lowercase()).collect();
    let text = words.join(" ").replace(", version", " version");
    let found = SENTENCES.iter().find(|(_, sentences)| sentences.iter().all(|one| text.contains(one)));
    found.map_or("unrecognised", |(name, _)| name)
}
