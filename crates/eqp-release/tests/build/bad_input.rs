//! Input that no archive can be built from.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use eqp_release::build::{Build, BuildError, Excludes, LinkProblem};
use tokio_util::sync::CancellationToken;

use crate::repository::{Repository, names, run};

/// Returns the errors of the tag and of the working tree.
async fn both(repository: &Repository) -> [BuildError; 2] {
    [repository.build().await.unwrap_err(), repository.build_working_tree().await.unwrap_err()]
}

async fn without(repository: &Repository, pattern: &str) -> Vec<String> {
    let excludes = Excludes::default_and([pattern]).unwrap();
    names(&run(Build::from_tag(repository.path(), "v1.2.0").excludes(excludes)).await.unwrap())
}

#[tokio::test]
async fn a_tag_that_does_not_exist_is_reported_with_those_that_do() {
    let repository = Repository::module();
    repository.git(&["branch", "v2.0.0"]);
    for tag in ["v1.3.0", "v2.0.0", "HEAD", "v1.2.0^{tree}", "-v1.2.0", ""] {
        let error = run(Build::from_tag(repository.path(), tag)).await.unwrap_err();
        let BuildError::UnknownTag { is_shallow: false, newest, .. } = &error else { panic!("{tag}: {error}") };
        assert_eq!(newest, &["v1.2.0"]);
    }
    // An annotated tag is as good as another.
    repository.git(&["tag", "--annotate", "--message", "release", "v1.2.0-rc1"]);
    assert!(
        run(Build::from_tag(repository.path(), "v1.2.0-rc1"))
            .await
            .is_err_and(|error| matches!(error, BuildError::OtherVersion { .. }))
    );
}

#[tokio::test]
async fn a_shallow_clone_is_built_if_it_has_the_tag() {
    let repository = Repository::module();
    repository.write("README.md", "newer");
    repository.commit();
    let shallow = repository.clone_with(&["--depth", "1"]);
    let error = shallow.build().await.unwrap_err();
    assert!(matches!(error, BuildError::UnknownTag { is_shallow: true, .. }), "{error}");
    shallow.git(&["fetch", "--quiet", "--depth", "1", "origin", "tag", "v1.2.0"]);
    assert_eq!(shallow.build().await.unwrap().bytes, repository.build().await.unwrap().bytes);
}

#[tokio::test]
async fn content_that_a_partial_clone_lacks_is_not_fetched() {
    let repository = Repository::module();
    repository.git(&["config", "uploadpack.allowFilter", "true"]);
    let partial = repository.clone_with(&["--filter=blob:none", "--no-checkout"]);
    let error = partial.build().await.unwrap_err();
    assert!(matches!(error, BuildError::ContentMissing { .. }), "{error}");
}

#[tokio::test]
async fn submodules_are_refused_unless_they_are_excluded() {
    let (repository, other) = (Repository::module(), Repository::module());
    let url = format!("file://{}", other.path().display());
    repository.git(&["submodule", "--quiet", "add", &url, "lib/shared"]);
    repository.commit_and_tag();
    for error in both(&repository).await {
        assert!(matches!(&error, BuildError::Submodule { path } if path == "lib/shared"), "{error}");
    }
    assert!(!without(&repository, "/lib/shared").await.is_empty());
    // A repository that is not registered as a submodule is one, too.
    let repository = Repository::module();
    std::fs::create_dir(repository.path().join("nested")).unwrap();
    std::fs::rename(other.path().join(".git"), repository.path().join("nested/.git")).unwrap();
    let error = repository.build_working_tree().await.unwrap_err();
    assert!(matches!(&error, BuildError::Submodule { path } if path == "nested"), "{error}");
}

#[tokio::test]
async fn pointers_of_git_lfs_are_refused_unless_they_are_excluded() {
    let repository = Repository::module();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 4\n";
    repository.write("view/frontend/web/images/large.png", pointer);
    repository.commit_and_tag();
    for error in both(&repository).await {
        assert!(matches!(&error, BuildError::LfsPointer { path } if path.ends_with("large.png")), "{error}");
    }
    assert!(!without(&repository, "large.png").await.is_empty());
}

#[tokio::test]
async fn links_that_do_not_lead_to_a_file_of_the_package_are_refused() {
    for (target, expected) in [
        ("../../etc/passwd", LinkProblem::Outside),
        ("/etc/passwd", LinkProblem::Outside),
        ("nothing.php", LinkProblem::Missing),
        ("../etc", LinkProblem::Folder),
        ("link.php", LinkProblem::Loop),
    ] {
        let repository = Repository::module();
        symlink(target, repository.path().join("Model/link.php")).unwrap();
        repository.commit_and_tag();
        for error in both(&repository).await {
            let BuildError::Link { path, problem, .. } = &error else { panic!("{error}") };
            assert_eq!((path.as_str(), *problem), ("Model/link.php", expected), "{target}");
        }
        assert!(!without(&repository, "link.php").await.is_empty());
    }
}

#[tokio::test]
async fn names_that_differ_only_in_letter_case_are_refused() {
    let repository = Repository::module();
    repository.write("Model/badge.php", "<?php\n");
    repository.commit_and_tag();
    for error in both(&repository).await {
        let BuildError::SameNames { first, second } = &error else { panic!("{error}") };
        assert_eq!((first.as_str(), second.as_str()), ("Model/Badge.php", "Model/badge.php"));
    }
    assert!(!without(&repository, "/Model/badge.php").await.is_empty());
}

#[tokio::test]
async fn names_that_are_not_utf_8_are_refused_unless_they_are_excluded() {
    let repository = Repository::module();
    std::fs::write(repository.path().join(OsStr::from_bytes(b"etc/caf\xe9.xml")), "x").unwrap();
    repository.commit_and_tag();
    for error in both(&repository).await {
        assert!(matches!(&error, BuildError::NameNotUtf8 { name } if name == "etc/caf\u{fffd}.xml"), "{error}");
    }
    assert!(!without(&repository, "/etc/caf?.xml").await.is_empty());
}

#[tokio::test]
async fn without_git_or_a_repository_there_is_no_tag() {
    let repository = Repository::module();
    for build in [Build::from_tag(repository.path(), "v1.2.0"), Build::from_working_tree(repository.path())] {
        let error = run(build.programs("/nowhere")).await.unwrap_err();
        assert!(matches!(error, BuildError::GitMissing), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let error = run(Build::from_tag(folder.path(), "v1.2.0")).await.unwrap_err();
    assert!(matches!(error, BuildError::NotARepository { .. }), "{error}");
    let error = run(Build::from_working_tree(folder.path())).await.unwrap_err();
    assert!(matches!(error, BuildError::NoFiles { excluded: 0 }), "{error}");
    let error = run(Build::from_working_tree(folder.path().join("none"))).await.unwrap_err();
    assert!(matches!(error, BuildError::NotAFolder { .. }), "{error}");
}

#[tokio::test]
async fn files_that_are_too_large_are_not_read() {
    let repository = Repository::module();
    let file = std::fs::File::create(repository.path().join("huge.bin")).unwrap();
    file.set_len(300 * 1024 * 1024).unwrap();
    let error = repository.build_working_tree().await.unwrap_err();
    assert!(matches!(&error, BuildError::TooLarge { path, .. } if path == "huge.bin"), "{error}");
}

#[tokio::test]
async fn a_device_or_pipe_is_not_opened() {
    let repository = Repository::module();
    std::fs::remove_dir_all(repository.path().join(".git")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(repository.path().join("socket")).unwrap();
    let error = repository.build_working_tree().await.unwrap_err();
    assert!(matches!(&error, BuildError::NotAFile { path } if path == "socket"), "{error}");
}

#[tokio::test]
async fn a_git_that_hangs_or_fails_is_ended_and_reported() {
    let repository = Repository::module();
    let bin = tempfile::tempdir().unwrap();
    let write = |script: &str| {
        let path = bin.path().join("git");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    };
    let build = || Build::from_tag(repository.path(), "v1.2.0").programs(bin.path());
    write("/bin/sleep 300 & /bin/sleep 300");
    let error = run(build().timeout(Duration::from_millis(200))).await.unwrap_err();
    assert!(matches!(&error, BuildError::TimedOut { command, .. } if command == "rev-parse"), "{error}");
    let signal = CancellationToken::new();
    signal.cancel();
    assert!(matches!(build().run(&signal).await, Err(BuildError::Cancelled)));
    write("echo 'fatal: detected dubious ownership' >&2; exit 128");
    let error = run(build()).await.unwrap_err();
    assert!(matches!(&error, BuildError::Git { message, .. } if message.contains("dubious ownership")), "{error}");
}
