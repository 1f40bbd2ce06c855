//! Files read whole, with a bound.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Reads a file of UTF-8 text of at most `max` bytes. The error says why it can't be, without the path.
pub(super) fn read_text(path: &Path, max: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(max + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > max) {
        return Err(format!("it is larger than {max} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let sound = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        format!("line {} isn't UTF-8", sound.split(|byte| *byte == b'\n').count())
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The names of the files `*.toml` in a folder, in order; names that begin with a dot are passed over, as editors and
/// Kubernetes leave them.
pub(super) fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
