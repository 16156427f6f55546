//! Parts of a session: single calls whose changes their caller keeps apart are made under a name beneath the session's.

/// What stands between the session's id and the name of the part. No id has it.
const PART: char = '.';

/// The run of the calls of a part.
pub fn part_of(session: &str, name: &str) -> String {
    format!("{session}{PART}{name}")
}

/// The session that a part belongs to; nothing where `run` is no part.
pub fn session_of(run: &str) -> Option<&str> {
    run.split_once(PART).map(|(session, _)| session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_names_its_session() {
        assert_eq!(session_of(&part_of("01m8", "ab.cd")), Some("01m8"));
        assert_eq!(session_of("01m8"), None);
    }
}
