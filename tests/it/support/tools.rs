//! Programs of others that the tests judge by.

use std::env;
use std::path::{Path, PathBuf};

/// Where this program lies: on the `PATH`, or where `make` has unpacked its package.
pub(crate) fn tool(package: &str, program: &str) -> PathBuf {
    let unpacked = unpacked(package).join("usr/bin").join(program);
    on_the_path(program).or(Some(unpacked).filter(|file| file.is_file())).unwrap_or_else(|| {
        panic!("there is no {program}: `make deploy` unpacks it, or install the package {package}")
    })
}

/// Where this program lies, which nobody unpacks: its package needs many others.
pub(crate) fn installed(package: &str, program: &str) -> PathBuf {
    on_the_path(program)
        .unwrap_or_else(|| panic!("there is no {program} on the PATH: install the package {package}"))
}

fn on_the_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Where `make` unpacks a package.
pub(crate) fn unpacked(package: &str) -> PathBuf {
    root().join("target/tools").join(package)
}

/// The project's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
