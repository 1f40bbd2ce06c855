//! A folder for one run, gone when the run is.

use std::io;
use std::path::{Path, PathBuf};

/// A new folder under the system's temporary one that only this user may enter. It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    pub(super) fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("usher-demo-{}", random_hex::<8>()));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "the temporary folder could not be removed");
        }
    }
}

/// `N` random bytes in hex.
pub(super) fn random_hex<const N: usize>() -> String {
    crate::domain::digest::hex(&crate::conversations::random::<N>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_goes_with_all_that_it_holds() {
        let folder = TemporaryFolder::new().unwrap();
        let path = folder.path().to_owned();
        std::fs::create_dir(path.join("inner")).unwrap();
        std::fs::write(path.join("inner/file"), "x").unwrap();
        drop(folder);
        assert!(!path.exists());
    }
}
