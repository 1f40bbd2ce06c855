//! The house rules that no compiler knows: who may import whom, what the pure core may touch, sizes, stray files,
//! words and paths that must not stay. A broken rule is told as `file:line: rule`, all of them at once.

mod rules;
mod samples;

use std::fmt::Display;
use std::fs;
use std::path::Path;

use self::rules::{
    LINES_MANY, import_faults, lock_faults, metric_faults, page_faults, path_faults, purity_faults,
    stray_faults, text_faults,
};

/// A file of the project: its path from the root, with `/`, and what it holds.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The top-level module a file of `src/` belongs to, and how deep in the tree its own module stands.
    fn module(&self) -> Option<(&str, usize)> {
        let inner = self.path.strip_prefix("src/")?.strip_suffix(".rs")?;
        let inner = inner.strip_suffix("/mod").unwrap_or(inner);
        let top = inner.split('/').next()?;
        (top != "lib").then_some((top, inner.split('/').count()))
    }

    fn line_of(&self, offset: usize) -> usize {
        self.text[..offset].matches('\n').count() + 1
    }

    fn fault(&self, line: usize, rule: impl Display) -> String {
        format!("{}:{line}: {rule}", self.path)
    }
}

/// Every file below `folder` whose name ends with one of `ends`.
fn read(folder: &str, ends: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut folders, mut sources) = (vec![root.join(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                let built = [".git", "target", "node_modules"].iter().any(|name| path.ends_with(name));
                folders.extend((!built).then_some(path));
            } else if ends.iter().any(|end| path.to_string_lossy().ends_with(end)) {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                sources.push(Source { path: name, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    sources.sort_by(|left, right| left.path.cmp(&right.path));
    sources
}

#[test]
fn the_house_rules_hold() {
    let code: Vec<_> = ["src", "tests", "benches", "load-tests"]
        .into_iter()
        .flat_map(|folder| read(folder, &[".rs"]))
        .collect();
    assert!(code.len() > 20, "the sources were not found");
    let mut faults = stray_faults(&code, "src/");
    faults.extend(stray_faults(&code, "tests/it/"));
    faults.extend(stray_faults(&code, "load-tests/src/"));
    faults.extend(code.iter().flat_map(import_faults));
    faults.extend(code.iter().flat_map(purity_faults));
    faults.extend(code.iter().flat_map(metric_faults));
    // This folder names what it refuses.
    let not_tidy = |source: &&Source| !source.path.starts_with("tests/it/tidy/");
    faults.extend(code.iter().filter(not_tidy).flat_map(text_faults));
    // What is built is as long as it comes.
    let mut widget = read("widget", &[".ts", ".mjs", ".css", "/package-lock.json"]);
    widget.retain(|source| !source.path.starts_with("widget/dist/"));
    assert!(widget.len() > 3, "the widget's sources were not found");
    let (locks, written): (Vec<_>, Vec<_>) =
        widget.iter().partition(|source| source.path.ends_with("/package-lock.json"));
    faults.extend(written.iter().copied().flat_map(text_faults));
    faults.extend(written.iter().copied().flat_map(page_faults));
    faults.extend(locks.iter().copied().flat_map(lock_faults));
    let all = read(
        "",
        &[
            ".rs",
            ".md",
            ".toml",
            ".py",
            ".sh",
            ".yml",
            ".ts",
            ".mjs",
            ".json",
            ".css",
            ".html",
            "/Makefile",
            "/.ci/run",
            "/.ci/install",
            "/.ci/unpack",
        ],
    );
    faults.extend(all.iter().filter(not_tidy).flat_map(path_faults));

    for source in code.iter().filter(|source| source.text.lines().count() > LINES_MANY) {
        println!("{}: over {LINES_MANY} lines, think of splitting it", source.path);
    }
    assert!(faults.is_empty(), "{} broken house rules:\n{}", faults.len(), faults.join("\n"));
}
