//! The rules, each a function from a file's text to the faults in it.

use super::Source;

/// The rings of ARCHITECTURE.md, the outermost first. A module imports only from rings further in.
const RINGS: [&[&str]; 11] = [
    &["main"],
    &["cli"],
    &["demo"],
    &["app"],
    &["gateway", "consumer", "ops", "webhooks"],
    &["revocations"],
    &["conversations"],
    &["key_source", "journal", "telemetry", "listener"],
    &["config", "clock", "metrics", "lifecycle"],
    &["wire"],
    &["domain"],
];
/// The modules that compute and do nothing else.
const PURE: [&str; 2] = ["domain", "wire"];
/// What would make them impure: waiting, clocks, the outside world, logging.
const IMPURE: [&str; 11] = [
    "async",
    "await",
    "tokio",
    "tracing",
    "reqwest",
    "rusqlite",
    "SystemTime",
    "Instant",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
];
const IMPURE_STD: [&str; 5] = ["env", "fs", "io", "process", "thread"];
const UNFINISHED: [&str; 6] = ["dbg!", "todo!", "unimplemented!", "FIXME", "XXX", "HACK"];
/// What turns a text into markup or into code: a page under a strict policy refuses it, and a customer's message must
/// never come near it.
const TEXT_AS_CODE: [&str; 8] = [
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "createContextualFragment",
    "DOMParser",
    "document.write",
    "eval",
    "new Function",
];
const LINES_MAX: usize = 500;
pub(super) const LINES_MANY: usize = 400;
const COLUMNS_MAX: usize = 120;

/// The text with comments blanked, every offset kept.
fn without_comments(text: &str) -> String {
    let blank = |line: &str| match line.find("//") {
        Some(start) => line[..start].to_owned() + &" ".repeat(line.len() - start),
        None => line.to_owned(),
    };
    text.split('\n').map(blank).collect::<Vec<_>>().join("\n")
}

/// The offsets at which `word` stands alone, not as a part of a longer name.
fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let in_name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).map(|(start, _)| start).filter(move |&start| {
        let after = &text[start + word.len()..];
        let goes_on = word.ends_with(in_name) && after.starts_with(in_name);
        !goes_on && !text[..start].ends_with(in_name)
    })
}

/// The modules of this crate named after `crate::` (`usher::` in the program), with their offsets; a group gives all.
fn imports(code: &str, root: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for start in words(code, root) {
        let path = &code[start + root.len()..];
        let Some(group) = path.strip_prefix('{') else {
            found.push((start, path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()));
            continue;
        };
        let (mut depth, mut name) = (0_usize, String::new());
        for c in group.chars().chain([',']) {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    let first = std::mem::take(&mut name);
                    found.push((start, first.split("::").next().unwrap_or_default().trim().to_owned()));
                    if c == '}' {
                        break;
                    }
                }
                _ if depth == 0 => name.push(c),
                _ => {}
            }
        }
    }
    found.retain(|(_, name)| name.starts_with(|c: char| c.is_lowercase()));
    found
}

fn ring(module: &str) -> Option<usize> {
    RINGS.iter().position(|ring| ring.contains(&module))
}

/// Arrows point inward only, and `super` doesn't lead around them.
pub(super) fn import_faults(source: &Source) -> Vec<String> {
    let Some((module, depth)) = source.module() else { return Vec::new() };
    let Some(from) = ring(module) else {
        return vec![
            source.fault(1, format!("module `{module}` has no ring: give it one in tests/it/tidy.rs")),
        ];
    };
    let code = without_comments(&source.text);
    let root = if module == "main" { "usher::" } else { "crate::" };
    let mut faults = Vec::new();
    for (offset, to) in imports(&code, root) {
        if to != module && ring(&to).is_none_or(|inner| inner <= from) {
            let inner = RINGS[from + 1..].concat().join(", ");
            let rule = format!("`{module}` must not import `{to}`: only from further in ({inner})");
            faults.push(source.fault(source.line_of(offset), rule));
        }
    }
    let mut inline = false;
    for (number, line) in code.lines().enumerate() {
        inline |= line.starts_with("mod ") && line.ends_with('{');
        let supers = line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        let supers = supers.map(|path| path.matches("super::").count()).max().unwrap_or_default();
        if supers >= depth + usize::from(inline) {
            faults.push(
                source.fault(number + 1, "`super` leaves the module: write `crate::`, which the rings see"),
            );
        }
    }
    faults
}

/// The pure core waits for nothing, reads no clock and touches nothing outside.
pub(super) fn purity_faults(source: &Source) -> Vec<String> {
    let Some((module, _)) = source.module().filter(|(module, _)| PURE.contains(module)) else {
        return Vec::new();
    };
    let code = without_comments(&source.text);
    let mut found: Vec<_> = IMPURE
        .iter()
        .flat_map(|word| words(&code, word).map(|offset| (offset, (*word).to_owned())))
        .collect();
    found.extend(imports(&code, "std::").into_iter().filter(|(_, name)| IMPURE_STD.contains(&name.as_str())));
    let rule =
        |word| format!("`{word}` in `{module}`, which is pure: pass the value in, or move this to the shell");
    found.into_iter().map(|(offset, word)| source.fault(source.line_of(offset), rule(word))).collect()
}

/// Sizes, blanks, and words that mark something unfinished.
pub(super) fn text_faults(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = source.text.lines().count();
    if lines > LINES_MAX {
        faults.push(source.fault(lines, format!("{lines} lines, at most {LINES_MAX}: split it by topic")));
    }
    for (line, number) in source.text.lines().zip(1..) {
        let columns = line.chars().count();
        if columns > COLUMNS_MAX {
            faults.push(source.fault(number, format!("{columns} columns, at most {COLUMNS_MAX}")));
        }
        if line.contains('\t') || line.ends_with(' ') {
            faults.push(source.fault(number, "a tab, or blanks at the end of the line"));
        }
        if line.contains("[allow(") {
            faults
                .push(source.fault(number, "`allow` outlives its cause: `#[expect(lint, reason = \"…\")]`"));
        }
        for word in UNFINISHED.into_iter().filter(|word| words(line, word).next().is_some()) {
            faults
                .push(source.fault(number, format!("`{word}`: finish it, or file it where work is planned")));
        }
    }
    faults
}

/// Nothing may lead out of the checkout: such a path holds on one machine only.
pub(super) fn path_faults(source: &Source) -> Vec<String> {
    let outside = ["../../../..", "/root/", "/home/", "/Users/"];
    let leads_out = |line: &str| outside.into_iter().find(|path| line.contains(path));
    let faults = source.text.lines().zip(1..).filter_map(|(line, number)| {
        Some(source.fault(number, format!("`{}` leads out of the checkout", leads_out(line)?)))
    });
    faults.collect()
}

/// In a page a text stays a text.
pub(super) fn page_faults(source: &Source) -> Vec<String> {
    if !source.path.starts_with("widget/src/") || source.path.ends_with(".test.ts") {
        return Vec::new();
    }
    let code = without_comments(&source.text);
    let found = TEXT_AS_CODE.iter().flat_map(|word| words(&code, word).map(move |offset| (offset, word)));
    let rule = |word| format!("`{word}` makes a text into more: build nodes, and give them `textContent`");
    found.map(|(offset, word)| source.fault(source.line_of(offset), rule(word))).collect()
}

/// A lock that names a registry is of use to those alone who reach that one.
pub(super) fn lock_faults(source: &Source) -> Vec<String> {
    let lines = source.text.lines().zip(1..).filter(|(line, _)| line.contains("\"resolved\": \"http"));
    let remedy = "names a registry: `npm install --package-lock-only` in widget/, whose .npmrc leaves it out";
    lines.map(|(_, number)| source.fault(number, remedy)).collect()
}

/// A series that isn't named after the product collides with others in the operator's Prometheus.
pub(super) fn metric_faults(source: &Source) -> Vec<String> {
    if !source.path.starts_with("src/metrics") {
        return Vec::new();
    }
    let after_bracket =
        |start: usize| source.text[start..].split_once('(').map(|(_, rest)| rest.trim_start());
    let registered =
        source.text.match_indices("register").filter_map(|(start, _)| Some((start, after_bracket(start)?)));
    let named = registered.filter(|(_, rest)| rest.starts_with('"') && !rest.starts_with("\"usher_"));
    named
        .map(|(start, _)| source.fault(source.line_of(start), "a series' name begins with `usher_`"))
        .collect()
}

/// A file that no `mod` line names is not compiled and rots; `foo.rs` beside `foo/` splits a module in two.
pub(super) fn stray_faults(sources: &[Source], root: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources {
        let Some(inner) = source.path.strip_prefix(root).and_then(|path| path.strip_suffix(".rs")) else {
            continue;
        };
        if ["lib", "main"].contains(&inner) {
            continue;
        }
        let module = inner.strip_suffix("/mod").unwrap_or(inner);
        if inner == module && sources.iter().any(|other| other.path.starts_with(&format!("{root}{module}/")))
        {
            faults.push(
                source.fault(1, format!("a folder of the same name: move this to {root}{module}/mod.rs")),
            );
        }
        let (parents, name) = match module.rsplit_once('/') {
            Some((folder, name)) => (vec![format!("{root}{folder}/mod.rs")], name),
            None => (vec![format!("{root}lib.rs"), format!("{root}main.rs")], module),
        };
        let line = format!("mod {name};");
        let names_it = |parent: &Source| words(&without_comments(&parent.text), &line).next().is_some();
        if !sources.iter().any(|parent| parents.contains(&parent.path) && names_it(parent)) {
            faults.push(
                source.fault(1, format!("no `{line}` in {}: name it or delete it", parents.join(" or "))),
            );
        }
    }
    faults
}
