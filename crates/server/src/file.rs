//! Files that must be whole after a crash, and the error that names the file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{action} `{path}` failed")]
pub(crate) struct FileError {
    /// What was attempted, as in `reading`.
    action: &'static str,
    /// The file or directory.
    path: PathBuf,
    /// Why.
    #[source]
    source: io::Error,
}

/// Makes the error of `action` on `path`, for `map_err`.
pub(crate) fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> FileError + Copy {
    move |source| FileError {
        action,
        path: path.to_path_buf(),
        source,
    }
}

/// Opens no symbolic link.
pub(crate) const NO_LINK: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

/// Writes `content` with mode 0600, so that after a crash the file is either the one before or
/// whole. What a crash has left beside it goes, and what somebody else has put there: neither its
/// owner nor its mode, nor what it points to, is of any consequence.
pub(crate) fn write_durably(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let failed = failed("writing", path);
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".new");
    let new = path.with_file_name(name);
    match fs::remove_file(&new) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(failed(source)),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .map_err(failed)?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    fs::rename(&new, path).map_err(failed)?;
    sync_directory_of(path)
}

/// Writes `content` to a file that must not exist yet, with mode 0600.
pub(crate) fn create_durably(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let failed = failed("creating", path);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    sync_directory_of(path)
}

/// Makes the name of `path` durable.
pub(crate) fn sync_directory_of(path: &Path) -> Result<(), FileError> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or_else(|| Path::new("."));
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(failed("syncing", directory))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        write_durably(&path, b"a longer first content").unwrap();
        write_durably(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_somebody_has_put_beside_a_file_is_neither_written_to_nor_kept() {
        let dir = tempfile::tempdir().unwrap();
        let [path, new, other] = ["f", "f.new", "other"].map(|name| dir.path().join(name));
        fs::write(&other, "precious").unwrap();
        std::os::unix::fs::symlink(&other, &new).unwrap();
        write_durably(&path, b"secret").unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"precious");
        fs::write(&new, "").unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o666)).unwrap();
        write_durably(&path, b"secret").unwrap();
        let found = fs::symlink_metadata(&path).unwrap();
        assert!(found.is_file());
        assert_eq!(found.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_exists_is_not_created_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        create_durably(&path, b"first").unwrap();
        assert!(create_durably(&path, b"second").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"first");
    }

    #[test]
    fn a_failure_names_the_file() {
        let refused = write_durably(Path::new("/nowhere/at/all"), b"").unwrap_err();
        assert_eq!(refused.to_string(), "writing `/nowhere/at/all` failed");
    }
}
