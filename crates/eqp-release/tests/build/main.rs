//! Builds archives from real git repositories.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod bad_input;
mod repository;

use std::os::unix::fs::{PermissionsExt, symlink};

use eqp_check::{Check, CheckResult};
use eqp_release::build::{Build, BuildError, BuiltFrom, Excludes, ExclusionOrigin, OutputState, VersionFrom};

use self::repository::{Repository, content, names, run};

#[tokio::test]
async fn two_clones_with_different_settings_give_the_same_bytes() {
    let repository = Repository::module();
    repository.write("i18n/de_DE.csv", "\"New\",\"Neu\"\r\n");
    repository.write("view/frontend/web/notes.txt", "one\ntwo $Id$\n");
    repository.write("bin/run.sh", "#!/bin/sh\n");
    std::fs::set_permissions(repository.path().join("bin/run.sh"), PermissionsExt::from_mode(0o755)).unwrap();
    repository.write(".gitattributes", "*.txt text eol=crlf ident filter=shout export-subst\n");
    repository.commit_and_tag();
    let expected = repository.build().await.unwrap();
    let other = repository.clone_with(&["--config", "core.autocrlf=true", "--config", "core.fileMode=false"]);
    other.git(&["config", "filter.shout.smudge", "tr a-z A-Z"]);
    other.git(&["config", "filter.shout.clean", "tr a-z A-Z"]);
    other.git(&["config", "core.attributesFile", "/nowhere"]);
    other.write(".git/info/attributes", "composer.json export-ignore\n");
    // The working tree has no influence.
    other.write("Model/Badge.php", "<?php // changed\n");
    std::fs::remove_file(other.path().join("LICENSE.txt")).unwrap();
    let built = other.build().await.unwrap();
    assert_eq!((&built.bytes, &built.sha256), (&expected.bytes, &expected.sha256));
    assert_eq!(content(&built, "view/frontend/web/notes.txt"), b"one\ntwo $Id$\n");
    assert_eq!(content(&built, "i18n/de_DE.csv"), b"\"New\",\"Neu\"\r\n");
    let sorted = names(&built);
    assert!(sorted.is_sorted() && !sorted.contains(&".gitattributes".to_owned()), "{sorted:?}");
    let bare = repository.clone_with(&["--bare"]);
    assert_eq!(bare.build().await.unwrap().bytes, expected.bytes);
}

#[tokio::test]
async fn a_built_archive_passes_the_check_from_memory_as_from_a_file() {
    let repository = Repository::module();
    let built = repository.build().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(built.file_name());
    assert_eq!(built.file_name(), "acme-module-badges-1.2.0.zip");
    built.write(&path, false).unwrap();
    let from_file = Check::new().run(&path).unwrap();
    let from_memory = Check::new().run_bytes(built.file_name(), built.bytes.clone()).unwrap();
    assert_eq!(serde_json::to_value(&from_file).unwrap(), serde_json::to_value(&from_memory).unwrap());
    assert_eq!(from_memory.result(), CheckResult::Incomplete);
    assert!(from_memory.is_clean(), "{:?}", from_memory.findings);
    let folder = run(Build::from_working_tree(repository.path()).for_check()).await.unwrap();
    let report = Check::new().run_bytes(built.file_name(), folder.bytes).unwrap();
    assert_eq!(serde_json::to_value(&report).unwrap(), serde_json::to_value(&from_memory).unwrap());
}

#[tokio::test]
async fn export_ignore_and_patterns_exclude_files_and_are_reported() {
    let repository = Repository::module();
    for path in
        ["docs/a.md", "docs/deep/b.md", "art/x.psd", "Test/Unit/A.php", "view/base/old/a.css", "view/base/new.css"]
    {
        repository.write(path, "x");
    }
    repository.write(".gitattributes", "/docs export-ignore\nart/*.psd export-ignore\nREADME.md export-ignore\n");
    repository.write("view/.gitattributes", "old/ export-ignore\n");
    repository.commit_and_tag();
    // Only the attributes of the commit count, not those on disk.
    repository.write(".gitattributes", "* export-ignore\n");
    let patterns = Excludes::default_and(["*.csv"]).unwrap();
    let built = run(Build::from_tag(repository.path(), "v1.2.0").excludes(patterns)).await.unwrap();
    let packed = names(&built);
    assert_eq!(
        packed,
        [
            "LICENSE.txt",
            "Model/Badge.php",
            "composer.json",
            "etc/di.xml",
            "etc/module.xml",
            "registration.php",
            "view/base/new.css",
            "view/frontend/layout/catalog_product_view.xml",
            "view/frontend/templates/badge.phtml",
            "view/frontend/web/images/badge.png",
        ]
    );
    let excluded: Vec<_> =
        built.excluded.iter().map(|found| (found.pattern.as_str(), found.origin, found.files)).collect();
    assert_eq!(
        excluded,
        [
            (".gitattributes", ExclusionOrigin::Default, 2),
            ("/Test/", ExclusionOrigin::Default, 1),
            ("*.csv", ExclusionOrigin::Requested, 1),
            ("export-ignore", ExclusionOrigin::ExportIgnore, 5),
        ]
    );
    let everything = Build::from_tag(repository.path(), "v1.2.0").excludes(Excludes::only([""; 0]).unwrap());
    assert!(names(&run(everything).await.unwrap()).contains(&"Test/Unit/A.php".to_owned()));
}

#[tokio::test]
async fn default_patterns_exclude_what_the_check_calls_leftovers() {
    let repository = Repository::module();
    for path in [
        ".github/workflows/a.yml",
        ".gitlab-ci.yml",
        ".travis.yml",
        ".circleci/config.yml",
        "bitbucket-pipelines.yml",
        ".idea/a.xml",
        ".vscode/a.json",
        ".DS_Store",
        "Thumbs.db",
        "node_modules/a/b.js",
        "vendor/a/b.php",
        "composer.lock",
        "phpunit.xml.dist",
        "Makefile",
        "error_log",
        "Model/Badge.php.orig",
        "Model/Badge.php~",
        "Model/.Badge.php.swp",
        "Model/.gitkeep",
        ".gitignore",
    ] {
        repository.write(path, "x\n");
    }
    repository.commit_and_tag();
    let report = Check::new().run_bytes("a.zip", repository.build().await.unwrap().bytes).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

#[tokio::test]
async fn a_package_in_a_folder_of_the_repository_is_built_alone() {
    let repository = Repository::empty();
    repository.write_module("packages/badges/");
    repository.write("packages/other/composer.json", "{}");
    repository.write(".gitattributes", "/packages export-ignore\n/packages/badges/etc/di.xml export-ignore\n");
    repository.commit();
    repository.git(&["tag", "badges/v1.2.0"]);
    let folder = repository.path().join("packages/badges");
    let built = run(Build::from_tag(&folder, "badges/v1.2.0")).await.unwrap();
    let packed = names(&built);
    assert!(packed.contains(&"composer.json".to_owned()) && !packed.contains(&"etc/di.xml".to_owned()), "{packed:?}");
    assert_eq!(packed.len(), built.files);
    assert_eq!(run(Build::from_working_tree(&folder)).await.unwrap().bytes, built.bytes);
    std::fs::create_dir(repository.path().join("later")).unwrap();
    let error = run(Build::from_tag(repository.path().join("later"), "badges/v1.2.0")).await.unwrap_err();
    assert!(matches!(error, BuildError::NotInTag { folder, .. } if folder == "later"));
}

#[tokio::test]
async fn a_version_is_inserted_or_chosen_and_the_rest_stays_as_it_is() {
    let repository = Repository::module();
    let source = "{\n  \"name\":   \"acme/module-badges\",\n  \"type\": \"magento2-module\"\n}";
    repository.write("composer.json", source);
    repository.commit_and_tag();
    let built = repository.build().await.unwrap();
    let expected =
        "{\n  \"name\":   \"acme/module-badges\",\n  \"version\":   \"1.2.0\",\n  \"type\": \"magento2-module\"\n}";
    assert_eq!(String::from_utf8(content(&built, "composer.json")).unwrap(), expected);
    assert_eq!(built.version.unwrap().from, VersionFrom::Tag);
    // A folder has no tag to take a version from.
    assert_eq!(repository.build_working_tree().await.unwrap().version, None);
    repository.git(&["tag", "v1.3.0"]);
    repository.write("composer.json", expected);
    repository.commit();
    repository.git(&["tag", "v1.4.0"]);
    let error = run(Build::from_tag(repository.path(), "v1.4.0")).await.unwrap_err();
    assert!(matches!(error, BuildError::OtherVersion { .. }), "{error}");
    let built = run(Build::from_tag(repository.path(), "v1.4.0").version_from(VersionFrom::Tag)).await.unwrap();
    assert_eq!(content(&built, "composer.json"), expected.replace("1.2.0", "1.4.0").as_bytes());
    let built = run(Build::from_tag(repository.path(), "v1.4.0").version_from(VersionFrom::Composer)).await.unwrap();
    assert_eq!(content(&built, "composer.json"), expected.as_bytes());
    assert_eq!(built.file_name(), "acme-module-badges-1.2.0.zip");
}

#[tokio::test]
async fn a_working_tree_is_packed_as_it_is_on_disk() {
    let repository = Repository::module();
    repository.write(".gitignore", "*.log\n/build/\n");
    repository.commit();
    let commit = repository.git(&["rev-parse", "HEAD"]);
    let clean = repository.build_working_tree().await.unwrap();
    assert_eq!(clean.source, BuiltFrom::WorkingTree { commit: Some(commit.clone()), changed_files: 0 });
    assert_eq!(clean.bytes, repository.build().await.unwrap().bytes);
    repository.write("debug.log", "ignored");
    repository.write("build/x.php", "ignored");
    repository.write("Model/New.php", "<?php\n");
    repository.write("Model/Badge.php", "<?php // changed\n");
    std::fs::remove_file(repository.path().join("README.md")).unwrap();
    let dirty = repository.build_working_tree().await.unwrap();
    assert_eq!(dirty.source, BuiltFrom::WorkingTree { commit: Some(commit), changed_files: 3 });
    let packed = names(&dirty);
    assert!(packed.contains(&"Model/New.php".to_owned()) && !packed.contains(&"README.md".to_owned()), "{packed:?}");
    assert!(!packed.iter().any(|name| name == "debug.log" || name.starts_with("build/")), "{packed:?}");
    assert_eq!(content(&dirty, "Model/Badge.php"), b"<?php // changed\n");
}

#[tokio::test]
async fn a_folder_without_a_repository_is_packed_without_git() {
    let repository = Repository::module();
    let built = repository.build_working_tree().await.unwrap();
    std::fs::remove_dir_all(repository.path().join(".git")).unwrap();
    let plain = run(Build::from_working_tree(repository.path()).programs("/nowhere")).await.unwrap();
    assert_eq!((plain.bytes, plain.source), (built.bytes, BuiltFrom::Folder));
}

#[tokio::test]
async fn links_to_files_of_the_package_are_replaced_by_them() {
    let repository = Repository::module();
    symlink("Badge.php", repository.path().join("Model/Alias.php")).unwrap();
    symlink("../Model/Alias.php", repository.path().join("etc/second.php")).unwrap();
    repository.commit_and_tag();
    for built in [repository.build().await.unwrap(), repository.build_working_tree().await.unwrap()] {
        assert_eq!(built.links, ["Model/Alias.php", "etc/second.php"]);
        let expected = content(&built, "Model/Badge.php");
        assert_eq!(content(&built, "etc/second.php"), expected);
        assert!(Check::new().run_bytes("a.zip", built.bytes.clone()).unwrap().is_clean());
    }
}

#[tokio::test]
async fn an_archive_is_written_whole_and_never_over_a_file_of_the_package() {
    let repository = Repository::module();
    let built = repository.build().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zip");
    assert_eq!(built.output_state(&path, false).unwrap(), OutputState::New);
    assert_eq!(built.write(&path, false).unwrap(), OutputState::New);
    assert_eq!(built.write(&path, false).unwrap(), OutputState::Same);
    std::fs::write(&path, "other").unwrap();
    assert!(matches!(built.write(&path, false), Err(BuildError::Exists { .. })));
    assert_eq!(built.write(&path, true).unwrap(), OutputState::Replaced);
    assert_eq!(std::fs::read(&path).unwrap(), *built.bytes);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    let through_link = folder.path().join("link");
    symlink(repository.path(), &through_link).unwrap();
    for input in [repository.path().join("composer.json"), through_link.join("etc/../composer.json")] {
        let before = std::fs::read(&input).unwrap();
        assert!(matches!(built.write(&input, true), Err(BuildError::OutputIsInput { .. })), "{}", input.display());
        assert_eq!(std::fs::read(&input).unwrap(), before);
    }
    let new_folder = folder.path().join("new/a.zip");
    assert_eq!(built.write(&new_folder, false).unwrap(), OutputState::New);
    let error = built.output_state(&new_folder.join("a.zip"), false).unwrap_err();
    assert!(matches!(error, BuildError::Read { .. }), "a file is no folder: {error}");
    // The archive of an earlier build in the folder is not packed.
    built.write(&repository.path().join("acme-module-badges-1.2.0.zip"), false).unwrap();
    assert_eq!(repository.build_working_tree().await.unwrap().bytes, built.bytes);
}
