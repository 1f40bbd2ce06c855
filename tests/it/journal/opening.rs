//! What can be opened, and what is said where it can't.

use std::fs;
use std::sync::Arc;

use usher::domain::id::Sequence;
use usher::journal::{Journal, OpenError};
use usher::metrics::Metrics;

use super::support::{Disk, chat, place};

fn refusal(path: &std::path::Path) -> OpenError {
    Journal::open(path, Arc::new(Metrics::new())).expect_err("it must not open")
}

#[tokio::test]
async fn the_folder_is_made_and_nobody_else_may_read_the_files() {
    let disk = Disk::new();
    let path = disk.folder().join("a/b/journal");
    let journal = Journal::open(&path, Arc::new(Metrics::new())).unwrap();
    chat(&journal, &place(1), 1).await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for file in fs::read_dir(path.parent().unwrap()).unwrap() {
            let file = file.unwrap();
            let mode = file.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{} is {mode:o}", file.path().display());
        }
        let folder = fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777;
        assert_eq!(folder, 0o700);
    }
}

#[tokio::test]
async fn a_newer_format_is_refused_and_names_both() {
    let disk = Disk::new();
    disk.journal().close().await;
    let file = rusqlite::Connection::open(disk.path()).unwrap();
    file.pragma_update(None, "user_version", 2).unwrap();
    drop(file);
    let error = refusal(&disk.path());
    assert!(matches!(error, OpenError::Newer { found: 2, supported: 1, .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("has format 2") && text.contains("up to 1") && text.contains("newer version"),
        "{text}"
    );
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_has_closed() {
    let disk = Disk::new();
    let journal = disk.journal();
    let error = refusal(&disk.path());
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    journal.close().await;
    disk.journal().close().await;
}

#[test]
fn other_files_are_refused_and_left_alone() {
    let disk = Disk::new();
    let text =
        "this is a letter, long enough to be longer than the head of a database file, and then some more"
            .repeat(4);
    fs::write(disk.path(), &text).unwrap();
    assert!(matches!(refusal(&disk.path()), OpenError::Foreign { .. }));
    assert_eq!(fs::read_to_string(disk.path()).unwrap(), text);

    let database = disk.folder().join("books");
    rusqlite::Connection::open(&database).unwrap().execute_batch("CREATE TABLE book (title TEXT)").unwrap();
    let before = fs::read(&database).unwrap();
    assert!(matches!(refusal(&database), OpenError::Foreign { .. }));
    assert_eq!(fs::read(&database).unwrap(), before);
}

#[test]
fn a_folder_in_its_place_or_a_file_in_its_folders_place_is_an_error_with_the_path() {
    let disk = Disk::new();
    let folder = disk.folder().join("folder");
    fs::create_dir(&folder).unwrap();
    let text = refusal(&folder).to_string();
    assert!(text.contains(&*folder.to_string_lossy()), "{text}");

    let file = disk.folder().join("file");
    fs::write(&file, "").unwrap();
    let error = refusal(&file.join("journal"));
    assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
}

#[tokio::test]
async fn an_entry_of_a_kind_unknown_here_is_named_and_not_skipped() {
    let disk = Disk::new();
    let journal = disk.journal();
    chat(&journal, &place(1), 1).await;
    journal.close().await;
    let file = rusqlite::Connection::open(disk.path()).unwrap();
    file.execute("UPDATE entry SET body = replace(body, '\"message\"', '\"sung\"') WHERE sequence = 2", [])
        .unwrap();
    drop(file);
    let journal = disk.journal();
    let error = journal.read(place(1).id, Sequence::START, 10).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("entry 2") && text.contains(&place(1).id.to_string()), "{text}");
    assert!(journal.follow(journal.oldest().await.unwrap()).next().await.is_err());
}

#[tokio::test]
async fn the_secret_stays_with_the_journal_and_is_its_own() {
    let (disk, other) = (Disk::new(), Disk::new());
    let journal = disk.journal();
    let secret = *journal.secret();
    assert_ne!(secret, [0; 32]);
    assert_ne!(&secret, other.journal().secret());
    assert!(!format!("{journal:?}").contains("secret"));
    journal.close().await;
    assert_eq!(disk.journal().secret(), &secret);
}
