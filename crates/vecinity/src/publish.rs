//! Files and folders that appear whole or not at all.
//!
//! Everything is written to a hidden sibling first, brought to disk (`fsync`), and renamed into
//! place. A reader sees the old version or the new one; a crash leaves at most a hidden sibling.
//!
//! May import: `error`.  Used by: `model_dir`, `formats`, `corpus`, `train`.

mod packed;

pub use packed::{Packed, Packing};

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes a file through `write` and puts it into place at once.
///
/// # Errors
/// What `write` returns, or [`Error::Io`]; the old file is untouched then.
pub fn file(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let parent = parent(path);
    let temporary = tempfile::Builder::new().prefix(&hidden_prefix(path)).tempfile_in(parent).map_err(create(path))?;
    let (file, temporary) = temporary.into_parts();
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    write(&mut writer)?;
    let file = writer.into_inner().map_err(|e| Error::io(path, "write")(e.into_error()))?;
    set_usual_mode(&file);
    file.sync_all().map_err(Error::io(path, "write"))?;
    drop(file);
    temporary.persist(path).map_err(|e| Error::io(path, "replace")(e.error))?;
    sync_folder(parent)
}

/// Checks that `needed` bytes have room beside `path`, before work is spent on them.
///
/// # Errors
/// [`Error::Input`] with both numbers if they have not. Where the system does not say, there is room.
pub fn check_space(path: &Path, needed: u64) -> Result<()> {
    #[cfg(unix)]
    if let Ok(disk) = rustix::fs::statvfs(parent(path)) {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < needed {
            let mb = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
            return Err(Error::input(
                path,
                format!("the disk is too full: {} are needed, {} are free", mb(needed), mb(free)),
                "make room, or choose another place",
            ));
        }
    }
    #[cfg(not(unix))]
    let _ = (path, needed);
    Ok(())
}

/// A folder under construction: hidden until [`Staging::publish`].
#[derive(Debug)]
pub struct Staging {
    folder: tempfile::TempDir,
    target: PathBuf,
}

impl Staging {
    /// Begins a folder that will become `target`.
    ///
    /// # Errors
    /// [`Error::Input`] if the parent folder does not exist, [`Error::Io`] if it cannot be written.
    pub fn new(target: &Path) -> Result<Self> {
        if !parent(target).is_dir() {
            return Err(Error::input(
                target,
                format!("the folder {} does not exist", parent(target).display()),
                "make it first, or choose another place",
            ));
        }
        let folder = tempfile::Builder::new()
            .prefix(&hidden_prefix(target))
            .tempdir_in(parent(target))
            .map_err(create(target))?;
        Ok(Self { folder, target: target.to_owned() })
    }

    /// Where to write the files.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Brings all files to disk and puts the folder in the target's place. An older folder there is
    /// exchanged in one step and then removed.
    ///
    /// # Errors
    /// [`Error::Io`]; the old folder is untouched then.
    pub fn publish(self) -> Result<()> {
        let Self { folder, target } = self;
        let staged = folder.path();
        for entry in fs::read_dir(staged).map_err(Error::io(staged, "read"))? {
            let path = entry.map_err(Error::io(staged, "read"))?.path();
            if path.is_dir() {
                // What is in it was brought to disk by whoever made it.
                sync_folder(&path)?;
                set_folder_mode(&path);
                continue;
            }
            let file = File::open(&path).map_err(Error::io(&path, "open"))?;
            set_usual_mode(&file);
            file.sync_all().map_err(Error::io(&path, "write"))?;
        }
        sync_folder(staged)?;
        set_folder_mode(staged);
        if target.exists() {
            exchange(staged, &target)?;
            sync_folder(parent(&target))?;
            // What is staged now is the old version; a failure to remove it must not fail the publication.
            drop(folder);
            Ok(())
        } else {
            fs::rename(staged, &target).map_err(Error::io(&target, "create"))?;
            // Nothing is left to clean up.
            let _ = folder.keep();
            sync_folder(parent(&target))
        }
    }
}

/// The kind of failure alone: which hidden sibling was tried is of no use to anybody.
fn create(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |error| Error::io(path, "create")(error.kind().into())
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn hidden_prefix(path: &Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    format!(".{name}.new-")
}

/// Swaps two folders in one step where the system can; else moves the old one aside first.
fn exchange(new: &Path, old: &Path) -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE) {
            Ok(()) => return Ok(()),
            // File systems without the exchange: fall through.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
            Err(errno) => return Err(Error::io(old, "replace")(errno.into())),
        }
    }
    let aside = new.with_extension("old");
    fs::rename(old, &aside).map_err(Error::io(old, "replace"))?;
    fs::rename(new, old).map_err(Error::io(old, "replace"))?;
    fs::rename(&aside, new).map_err(Error::io(old, "replace"))
}

/// Temporary files are private by default; published ones follow the usual `rw-r--r--`.
fn set_usual_mode(file: &File) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let _ = file.set_permissions(fs::Permissions::from_mode(0o644));
    }
    #[cfg(not(unix))]
    let _ = file;
}

fn set_folder_mode(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o755));
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Brings the names in a folder to disk.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    #[cfg(unix)]
    File::open(path).and_then(|folder| folder.sync_all()).map_err(Error::io(path, "write"))?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Writes all of `bytes` to `writer`, naming `path` if that fails.
///
/// # Errors
/// [`Error::Io`].
pub fn write_all(writer: &mut impl Write, path: &Path, bytes: &[u8]) -> Result<()> {
    writer.write_all(bytes).map_err(Error::io(path, "write"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, "old").unwrap();
        let result = file(&path, |w| {
            write_all(w, &path, b"half of the new")?;
            Err(Error::data("stop here", ""))
        });
        assert!(result.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_replaces_an_older_one_in_one_step() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("m.model");
        for content in ["one", "two"] {
            let staging = Staging::new(&target).unwrap();
            fs::write(staging.path().join("a"), content).unwrap();
            staging.publish().unwrap();
            assert_eq!(fs::read_to_string(target.join("a")).unwrap(), content);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
