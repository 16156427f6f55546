"""Recomputes every number of a report of the `coding` graph, from the files alone.

usage: recompute.py ROOT REPORT POLICY

Standard library only, and nothing of lgflow: it walks ROOT by itself, honours ignore files, leaves out what the deny list of
POLICY names, and counts again. It reads REPORT line by line; a number that differs, and a line with a number
that it does not know, is printed. Exit 0 if there is none.
"""
import hashlib, json, os, re, sys, tomllib

ROOT, REPORT, POLICY = sys.argv[1:4]

# --- files -----------------------------------------------------------------------------------------------------------

def glob_regex(pattern):
    out, at = "", 0
    while at < len(pattern):
        if pattern.startswith("**/", at): out += "(?:.*/)?"; at += 3
        elif pattern.startswith("/**", at) and at + 3 == len(pattern): out += "/.*"; at += 3
        elif pattern.startswith("**", at): out += ".*"; at += 2
        elif pattern[at] == "*": out += "[^/]*"; at += 1
        elif pattern[at] == "?": out += "[^/]"; at += 1
        elif pattern[at] == "[" and "]" in pattern[at + 1:]:
            end = pattern.index("]", at + 1)
            out += "[" + pattern[at + 1:end].replace("!", "^", 1 if pattern[at + 1] == "!" else 0) + "]"; at = end + 1
        elif pattern[at] == "\\" and at + 1 < len(pattern): out += re.escape(pattern[at + 1]); at += 2
        else: out += re.escape(pattern[at]); at += 1
    return out

def ignore_rules(path):
    rules = []
    try: lines = open(path, encoding="utf-8", errors="replace").read().splitlines()
    except OSError: return rules
    for line in lines:
        line = line.rstrip()
        if not line or line.startswith("#"): continue
        keep = line.startswith("!")
        if keep: line = line[1:]
        folder_only = line.endswith("/")
        line = line.rstrip("/")
        anchored = "/" in line
        regex = glob_regex(line.lstrip("/"))
        rules.append((re.compile(("" if anchored else "(?:.*/)?") + regex + r"\Z"), folder_only, keep))
    return rules

def verdict(rules, path, is_folder):
    for regex, folder_only, keep in reversed(rules):
        if (is_folder or not folder_only) and regex.match(path): return not keep
    return None

def denied_patterns():
    found, inside = [], False
    for line in open(POLICY, encoding="utf-8"):
        if line.strip() == "deny:": inside = True; continue
        item = re.match(r'\s+- "(.*)"', line)
        if inside and item: found.append(item.group(1))
        elif inside: break
    expanded = []
    for pattern in found:
        braces = re.search(r"\{(.*)\}", pattern)
        for choice in braces.group(1).split(",") if braces else [None]:
            text = pattern if choice is None else pattern[:braces.start()] + choice + pattern[braces.end():]
            expanded.append(re.compile(glob_regex(text) + r"(?:/.*)?\Z", re.IGNORECASE))
    assert len(expanded) > 10, "the deny list was not found in the policy"
    return expanded

DENIED = denied_patterns()

def walk(folder=".", levels=()):
    at = os.path.join(ROOT, folder)
    levels = levels + ((folder, ignore_rules(os.path.join(at, ".ignore")), ignore_rules(os.path.join(at, ".gitignore"))),)
    exclude = ignore_rules(os.path.join(ROOT, ".git/info/exclude"))
    for entry in sorted(os.scandir(at), key=lambda e: e.name):
        path = entry.name if folder == "." else folder + "/" + entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if not is_folder and not entry.is_file(follow_symlinks=False): continue
        if entry.name.lower() == ".git": continue
        if any(ord(c) < 32 or 127 <= ord(c) < 160 or 0xDC80 <= ord(c) <= 0xDCFF for c in entry.name): continue
        below = lambda level: path if level == "." else path[len(level) + 1:]
        said = next((v for pick in (1, 2) for level in reversed(levels)
                     if (v := verdict(level[pick], below(level[0]), is_folder)) is not None), None)
        if said is None: said = verdict(exclude, path, is_folder)
        if said: continue
        if is_folder: yield from walk(path, levels)
        elif not any(regex.match(path) for regex in DENIED): yield path

LANGUAGES = {name: set(words.split()) for name, words in {
    "Rust": ".rs", "Python": ".py .pyi", "JavaScript": ".js .jsx .mjs .cjs", "TypeScript": ".ts .tsx .mts .cts", "Go": ".go",
    "Shell": ".sh .bash", "PowerShell": ".ps1", "Windows batch": ".cmd .bat", "Markdown": ".md", "plain text": ".txt .rst",
    "JSON": ".json .jsonl", "YAML": ".yaml .yml", "TOML": ".toml", "XML": ".xml", "HTML": ".html", "CSS": ".css", "SQL": ".sql",
    "INI": ".ini .cfg", "Makefile": "Makefile .mk", "Dockerfile": "Dockerfile", "Ruby": ".rb Gemfile", "Java": ".java",
    "Lock file": ".lock go.sum package-lock.json pnpm-lock.yaml", "CSV": ".csv", "SVG": ".svg", "C": ".c .h",
}.items()}
SORTS = {"Markdown": "prose", "plain text": "prose", "HTML": "prose", "JSON": "data", "YAML": "data", "TOML": "data", "XML": "data",
         "INI": "data", "Lock file": "data", "CSV": "data", "SVG": "data"}

def language(path):
    name = os.path.basename(path)
    stem, ending = os.path.splitext(name)
    for key in (name, ending.lower() if stem else ""):
        for known, words in LANGUAGES.items():
            if key and key in words: return known
    return None

class File:
    def __init__(self, path):
        self.path, self.data = path, open(os.path.join(ROOT, path), "rb").read()
        self.digest = hashlib.sha256(self.data).hexdigest()
        self.binary = b"\0" in self.data[:8000]
        self.lines = 0 if self.binary else self.data.count(b"\n") + (self.data != b"" and not self.data.endswith(b"\n"))
        self.text = "" if self.binary else self.data.decode("utf-8", "replace")
        self.rows = self.text.split("\n")
        self.language = None if self.binary else language(path)
        forms = {"Rust": r"\s*#\[(\w+::)*test(\(.*)?\]", "Python": r"\s*(async\s+)?def\s+test\w*\s*\(", "Go": r"func\s+Test\w*\s*\(",
                 "JavaScript": r"\s*(it|test)(\.\w+)*\s*\(", "TypeScript": r"\s*(it|test)(\.\w+)*\s*\("}
        form = forms.get(self.language)
        self.tests = sum(1 for row in self.rows if form and re.match(form, row))

FILES = {path: File(path) for path in sorted(walk(), key=os.fsencode)}
ALL = list(FILES.values())
top = lambda path: path.split("/")[0] if "/" in path else "."
total = lambda files, what: sum(getattr(file, what) for file in files)

# --- what names what ---------------------------------------------------------------------------------------------------

folder = lambda path: os.path.dirname(path) or "."
def join(*parts): return os.path.normpath("/".join(parts))
def first(*paths): return next((path for path in paths if path in FILES), None)

def manifests(name): return {folder(path): FILES[path] for path in FILES if os.path.basename(path) == name}
def toml(file):
    try: return tomllib.loads(file.text)
    except tomllib.TOMLDecodeError: return {}
CRATES = {toml(file).get("package", {}).get("name", "").replace("-", "_"): at for at, file in manifests("Cargo.toml").items()}
MODULES = {match.group(1): at for at, file in manifests("go.mod").items() if (match := re.search(r"^module\s+(\S+)", file.text, re.M))}

def rust_down(file, where, names):
    for name in names:
        found = first(join(where, name + ".rs"), join(where, name, "mod.rs"))
        if not found: break
        file, where = found, join(where, name)
    return file

def rust_root(path):
    where = folder(path)
    while True:
        found = first(join(where, "lib.rs"), join(where, "main.rs"))
        if found or where == ".": return found, where
        where = folder(where)

def rust_own(path):
    return folder(path) if os.path.basename(path) in ("mod.rs", "lib.rs", "main.rs") else path[:-3]

def rust(file):
    pub = r"(?:pub(?:\([^)]*\))?\s+)?"
    for row in file.rows:
        row = row.split("//")[0]
        if m := re.match(r"\s*" + pub + r"mod\s+(\w+)\s*;", row):
            yield first(join(rust_own(file.path), m[1] + ".rs"), join(rust_own(file.path), m[1], "mod.rs"))
        for m in re.finditer(r"\bcrate((?:::\w+)+)", row):
            root, where = rust_root(file.path)
            if root: yield rust_down(root, where, m[1].split("::")[1:])
        if m := re.match(pub + r"use\s+((?:super::)+)(\w+(?:::\w+)*)?", row):
            root, base = rust_root(file.path)
            where, ok = rust_own(file.path), bool(root)
            for _ in range(m[1].count("super")):
                ok = ok and where not in (base, ".")
                where = folder(where)
            if ok:
                start = root if where == base else first(where + ".rs", join(where, "mod.rs"))
                if start: yield rust_down(start, where, (m[2] or "").split("::"))
        if m := re.match(r"\s*" + pub + r"use\s+(\w+)((?:::\w+)+)", row):
            if m[1] in CRATES and first(join(CRATES[m[1]], "src/lib.rs")):
                where = join(CRATES[m[1]], "src")
                yield rust_down(join(where, "lib.rs"), where, m[2].split("::")[1:])

def python_module(where): return first(where + ".py", join(where, "__init__.py"))

def python(file):
    wanted = []
    for row in file.rows:
        row = row.split("#")[0]
        if m := re.match(r"\s*from\s+(\.*)([\w.]*)\s+import\s+\(?(.*)", row):
            wanted.append((len(m[1]), m[2], [n.split()[0].rstrip(")") for n in m[3].split(",") if n.split()]))
        elif m := re.match(r"\s*import\s+(.+)", row):
            wanted += [(0, n.split()[0], []) for n in m[1].split(",") if n.split()]
    for dots, module, names in wanted:
        base = folder(file.path)
        for _ in range(dots - 1): base = folder(base)
        parts = [p for p in module.split(".") if p]
        for start in ([base] if dots else [".", "src", base]):
            named = [f for n in names if n and (f := python_module(join(start, *parts, n)))]
            if named: yield from named; break
            found = next((f for n in range(len(parts), 0, -1) if (f := python_module(join(start, *parts[:n])))), None)
            if not parts: found = python_module(start)
            if found: yield found; break

def script(file):
    for row in file.rows:
        for m in re.finditer(r"""(?:\bfrom|\bimport|\brequire\(|\bimport\()\s*["'](\.[^"']*)["']""", row):
            base = join(folder(file.path), m[1])
            if base.startswith(".."): continue
            endings = ".ts .tsx .js .jsx .mjs .cjs .mts .cts .json .vue .svelte /index.ts /index.tsx /index.js /index.jsx /index.mjs"
            yield first(base, *[base + e for e in endings.split()], re.sub(r"\.js$", ".ts", base))

def go(file):
    for row in file.rows:
        if m := re.match(r'\s*(?:import\s+)?(?:[\w.]+\s+)?"([^"]+)"\s*$', row):
            fits = [mod for mod in MODULES if m[1] == mod or m[1].startswith(mod + "/")]
            if fits:
                mod = max(fits, key=len)
                where = join(MODULES[mod], m[1][len(mod):].strip("/") or ".")
                if any(folder(path) == where for path in FILES): yield where

READERS = {"Rust": rust, "Python": python, "JavaScript": script, "TypeScript": script, "Go": go}
IMPORTED, IMPORTS = {}, {}
for file in ALL:
    node = folder(file.path) if file.language == "Go" else file.path
    for target in READERS.get(file.language, lambda _: ())(file):
        if target and target != node:
            IMPORTED.setdefault(target, set()).add(file.path)
            IMPORTS.setdefault(node, set()).add(target)

def dependencies(path):
    file, name = FILES[path], os.path.basename(path)
    if name == "Cargo.toml":
        data = toml(file)
        tables = lambda d: sum(len(d.get(t, {})) for t in ("dependencies", "dev-dependencies", "build-dependencies"))
        return tables(data) + len(data.get("workspace", {}).get("dependencies", {})) + sum(map(tables, data.get("target", {}).values()))
    if name == "package.json":
        data = json.loads(file.text)
        return sum(len(data.get(t, {})) for t in ("dependencies", "devDependencies", "peerDependencies", "optionalDependencies"))
    if name == "pyproject.toml":
        data = toml(file)
        project = data.get("project", {})
        groups = [*project.get("optional-dependencies", {}).values(), *data.get("dependency-groups", {}).values()]
        return len(project.get("dependencies", [])) + sum(map(len, groups)) + len(data.get("tool", {}).get("poetry", {}).get("dependencies", {}))
    if name == "go.mod":
        return len(re.findall(r"^(?:require\s+|\s+)[\w./-]+\s+v\S+", file.text, re.M))
    if name.startswith("requirements"):
        return sum(1 for row in file.rows if re.match(r"\s*[A-Za-z0-9]", row))
    return None

SAMPLES = set("""__fixtures__ __mocks__ __tests__ demo demos e2e example examples fixture fixtures mocks sample samples spec specs
    test test-data test_data testcases testdata tests testsuite""".split())
def is_sample(path): return any(part.lower() in SAMPLES for part in path.split("/")[:-1])

# --- the report ----------------------------------------------------------------------------------------------------------

FAULTS, CHECKED, SEEN = [], 0, {}

def check(where, said, found):
    global CHECKED
    CHECKED += 1
    if str(said) != str(found): FAULTS.append(f"{where}: the report says {said!r}, and it is {found!r}")

def check_place(where, place, *any_of):
    """`path:line`: the line is there, and has one of some words in it."""
    path, line = place.rsplit(":", 1)
    if path not in FILES: FAULTS.append(f"{where}: `{path}` is no file"); return
    rows = FILES[path].rows
    there = 0 < int(line) <= len(rows) and any(word and word in rows[int(line) - 1] for word in any_of)
    check(where, True, there)

def cells(row): return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row.strip())[1:-1]]

def counted(section, rows, expected):
    """The rows of a table, as numbers and names, are exactly those that are expected, in that order."""
    check(f"{section}: rows", [list(map(str, row)) for row in rows], [list(map(str, row)) for row in expected])

def expected_languages():
    found = {}
    for file in ALL:
        if file.language: found.setdefault(file.language, []).append(file)
    rows = sorted(found.items(), key=lambda item: (-total(item[1], "lines"), item[0]))
    longest = lambda files: min(files, key=lambda f: (-f.lines, os.fsencode(f.path))).path
    return [[n, SORTS.get(n, "code"), len(f), total(f, "lines"), f"`{longest(f)}`"] for n, f in rows]

def by_top(files):
    found = {}
    for file in files: found.setdefault(top(file.path), []).append(file)
    return found

def expected_tests():
    rows = [(at, files) for at, files in by_top(f for f in ALL if f.tests).items()]
    rows.sort(key=lambda row: (-total(row[1], "tests"), os.fsencode(row[0])))
    return [[f"`{at}`", total(files, "tests"), len(files), total(files, "lines")] for at, files in rows]

def expected_largest():
    code = [f for f in ALL if f.language and SORTS.get(f.language, "code") == "code"]
    code.sort(key=lambda f: (-f.lines, os.fsencode(f.path)))
    return [[f"`{f.path}`", f.lines, len(f.data)] for f in code[:10]]

def expected_connected():
    rows = sorted(IMPORTED.items(), key=lambda item: (-len(item[1]), os.fsencode(item[0])))[:10]
    return [[f"`{path}`", len(files), len(IMPORTS.get(path, ()))] for path, files in rows]

TABLES = {
    "Languages": expected_languages,
    "Layout": lambda: [[f"`{at}`", len(f), total(f, "lines")] for at, f in sorted(by_top(ALL).items(), key=lambda i: os.fsencode(i[0]))],
    "Tests": expected_tests, "Largest files of programs": expected_largest, "Most connected parts": expected_connected,
}
section, rows, manifest, among, beside = "", {}, None, False, None
for line in open(REPORT, encoding="utf-8").read().split("\n"):
    if line.startswith("# "): SEEN["title"] = line[2:]; continue
    if line.startswith("## "): section, among = line[3:], False; continue
    if line == "And of tests, fixtures and examples:": among = True; continue
    if m := re.fullmatch(r"And (\d+) of tests, fixtures and examples:", line): among, beside = True, [int(m[1]), 0]; continue
    if line.startswith("| ---") or re.match(r"\| (language|folder|file|purpose) \|", line): continue
    if line.startswith("| ") and section in TABLES: rows.setdefault(section, []).append(cells(line)); continue
    if line.startswith("| "):
        purpose, command, place = cells(line)
        words = command.strip("`").strip()
        implied = ("[package]", "[workspace]", "[project]", "module ", "build-backend", "[tool.pytest", words.split()[-1])
        check_place(section, place.strip("`"), words, *implied)
        check(f"{place}: of tests, fixtures and examples", among, is_sample(place.strip("`"))); continue
    if m := re.fullmatch(r"- (\d+) files?, (\d+) bytes: (\d+) of text with (\d+) lines?, (\d+) binary, (\d+) too large to read \(`\.`\)", line):
        check("totals", list(m.groups()), [str(n) for n in (len(ALL), sum(len(f.data) for f in ALL), sum(not f.binary for f in ALL),
              total(ALL, "lines"), sum(f.binary for f in ALL), 0)]); SEEN["totals"] = 1; continue
    if m := re.fullmatch(r"- \w+ package `(.*?)`(?: (\S+?))?(?:: .*)? \(`(.+:\d+)`\)", line):
        check_place("package", m[3], m[1]); check(f"{m[3]}: of tests, fixtures and examples", False, is_sample(m[3]))
        if m[2]: check("version", True, m[2].rstrip(":") in FILES[m[3].rsplit(":", 1)[0]].text)
        continue
    if m := re.fullmatch(r"- Licence: (.+) \(`(.+):(\d+)`\)", line):
        if m[3] == "1": check("licence", True, m[2] in FILES)
        else: check_place("licence", f"{m[2]}:{m[3]}", m[1])
        continue
    if m := re.fullmatch(r"> \(`(.+:\d+)`\)", line): check_place("summary", m[1], SEEN["summary"].split()[0]); continue
    if line.startswith("> "): SEEN["summary"] = line[2:]; continue
    if m := re.match(r"`(.+?)` \((\w+)\) declares (\d+) dependenc", line):
        manifest, expected = m[1], dependencies(m[1])
        if expected is None: FAULTS.append(f"{m[1]}: this program does not know such manifests")
        check(m[1], m[3], expected); SEEN[m[1]] = [int(m[3]), 0]
        check(f"{m[1]}: of tests, fixtures and examples", False, is_sample(m[1])); continue
    if among and (m := re.fullmatch(r"- `(.+?)` \((\w+)\), (\d+) dependenc(?:y|ies)", line)):
        check(m[1], m[3], dependencies(m[1])); beside[1] += 1
        check(f"{m[1]}: of tests, fixtures and examples", True, is_sample(m[1])); continue
    if among and section == "Manifests and dependencies" and (m := re.fullmatch(r"- and (\d+) more", line)):
        beside[1] += int(m[1]); continue
    if section == "Manifests and dependencies" and line.startswith("- "):
        for name, number in re.findall(r"`([^` ]+)[^`]*` :(\d+)", line):
            check_place(manifest, f"{manifest}:{number}", name); SEEN[manifest][1] += 1
        continue
    if m := re.fullmatch(r"- (\w+) `(.*?)`(?:: `(.+?)`)? \(`(.+:\d+)`\)", line):
        check(f"{m[4]}: of tests, fixtures and examples", among, is_sample(m[4]))
        check_place(section, m[4], m[2], m[3] and os.path.basename(m[3]), "main", "name", *([FILES[m[4].rsplit(":", 1)[0]].rows[0]] if m[4].endswith(":1") else []))
        continue
    if m := re.fullmatch(r"(\d+) lines in (\d+) files declare a test:", line):
        check("tests", list(m.groups()), [str(total(ALL, "tests")), str(sum(f.tests > 0 for f in ALL))]); continue
    if m := re.search(r"digest of these files is `sha256:([0-9a-f]{64})`", line):
        check("digest", m[1], hashlib.sha256("".join(f"{f.digest}  {f.path}\n" for f in ALL).encode()).hexdigest()); SEEN["digest"] = 1; continue
    if re.match(r"Not counted: \d+ ", line): continue
    if re.search(r"\d", line): FAULTS.append(f"{section}: an unknown line with a number: {line}")

for name, expected in TABLES.items(): counted(name, rows.get(name, []), expected())
for name, value in SEEN.items():
    if isinstance(value, list): check(f"{name}: dependencies that are listed", value[1], value[0])
if beside: check("manifests beside", *beside)
for name in ("title", "totals", "digest"):
    if name not in SEEN: FAULTS.append(f"the report has no {name}")
print(f"{CHECKED} numbers and places checked in {len(ALL)} files")
print("\n".join(FAULTS))
sys.exit(1 if FAULTS else 0)
