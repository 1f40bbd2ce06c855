//! Changing a configuration's file: whole or not at all, and never to one that can't be used.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::config::{self, Config, Fault, Place, Severity, Vars};

/// The most bytes of a configuration's file, as `config` has it.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Why a file was left as it was.
#[derive(Debug)]
pub(super) enum NotEdited {
    /// It can't be used as it stands; its faults have been written.
    Unusable,
    /// What was asked can't be done, and what to do.
    Refused(String),
}

/// Puts what `change` makes of the file's text in its place, where `holds` says of the configuration that this would
/// be that it is as asked. The file's mode and owner stay.
pub(super) fn edit(
    path: &Path,
    vars: &dyn Vars,
    err: &mut impl Write,
    change: impl FnOnce(&str) -> Result<String, NotEdited>,
    holds: impl FnOnce(&Config) -> bool,
) -> Result<(), NotEdited> {
    if let Err(faults) = config::load(path, vars) {
        // Where even the faults can't be written, the exit code tells that there are some.
        let _ = report(&faults, err);
        return Err(NotEdited::Unusable);
    }
    let failed = |what: &str| {
        let what = format!("{} {what}", path.display());
        move |error: io::Error| NotEdited::Refused(format!("{what}: {error}"))
    };
    // A link stays one, and what it leads to is changed.
    let real = fs::canonicalize(path).map_err(failed("can't be found"))?;
    let draft = Draft::begin(&real)?;
    let text = read(&real).map_err(failed("can't be read"))?;
    let changed = change(&text)?;
    draft
        .write(&changed, &fs::metadata(&real).map_err(failed("can't be read"))?)
        .map_err(failed("can't be changed"))?;
    match config::load(&draft.path, vars) {
        Ok(config) if holds(&config) => {}
        Ok(_) => {
            let why = "stays as it was, for the variable USHER_CLIENT replaces its clients: change that";
            return Err(NotEdited::Refused(format!("{} {why}", path.display())));
        }
        Err(faults) => {
            let faults: Vec<Fault> =
                faults.into_iter().map(|fault| of_file(fault, path, &draft.path)).collect();
            let _ = report(&faults, err);
            let why = "stays as it was, for it would have these faults: change it by hand";
            return Err(NotEdited::Refused(format!("{} {why}", path.display())));
        }
    }
    draft.put(&real).map_err(failed("can't be replaced"))
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    io::Read::read_to_string(&mut io::Read::take(File::open(path)?, FILE_BYTES_MAX + 1), &mut text)?;
    Ok(text)
}

/// Warnings too: they are about what the file says now.
fn report(faults: &[Fault], err: &mut impl Write) -> io::Result<()> {
    faults
        .iter()
        .filter(|fault| fault.severity != Severity::Warning)
        .try_for_each(|fault| writeln!(err, "{fault}"))
}

/// A fault of the draft, told of the file that it was to become.
fn of_file(mut fault: Fault, file: &Path, draft: &Path) -> Fault {
    if let Place::File { path, .. } = &mut fault.place
        && path == draft
    {
        file.clone_into(path);
    }
    fault
}

/// The new file beside the old one, so that paths in it lead where they led. There is one at a time: whoever finds
/// another's has to wait.
struct Draft {
    path: PathBuf,
    file: File,
    /// Whether it has become the file: what has its name then is another's.
    is_done: bool,
}

impl Draft {
    fn begin(real: &Path) -> Result<Self, NotEdited> {
        let mut name = std::ffi::OsString::from(".");
        name.push(real.file_name().unwrap_or_default());
        name.push(".new");
        let path = real.with_file_name(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|error| {
            let path = path.display();
            NotEdited::Refused(match error.kind() {
                io::ErrorKind::AlreadyExists => format!(
                    "{path} is there: somebody else is just changing the file, or was cut short; remove it then"
                ),
                _ => format!("{path} can't be written, which would become the new file: {error}"),
            })
        })?;
        Ok(Self { path, file, is_done: false })
    }

    fn write(&self, text: &str, of: &fs::Metadata) -> io::Result<()> {
        (&self.file).write_all(text.as_bytes())?;
        let mine = self.file.metadata()?;
        if (mine.uid(), mine.gid()) != (of.uid(), of.gid()) {
            std::os::unix::fs::fchown(&self.file, Some(of.uid()), Some(of.gid()))?;
        }
        self.file.set_permissions(of.permissions())?;
        self.file.sync_all()
    }

    fn put(mut self, real: &Path) -> io::Result<()> {
        fs::rename(&self.path, real)?;
        self.is_done = true;
        let folder = real.parent().map_or(Path::new("."), |folder| folder);
        File::open(folder)?.sync_all()
    }
}

/// Gone where it didn't become the file.
impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_done {
            let _ = fs::remove_file(&self.path);
        }
    }
}
