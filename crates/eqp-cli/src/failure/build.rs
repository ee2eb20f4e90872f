//! Converts errors of building an archive to failures with remedies.

use eqp_release::build::{BuildError, LinkProblem};

use super::{Exit, Failure};
use crate::output::escaped;
use crate::text::shell_word;

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        let failed = || Self::new(Exit::Failed, "the archive was not built").because(&error);
        let exclude = |path: &str| format!("or do not pack it: --exclude {}", shell_word(path));
        match &error {
            BuildError::GitMissing => Self::usage("the archive was not built")
                .because(&error)
                .next("install git, and make sure that PATH contains its folder")
                .next("pack the folder without git: eqp packages build --working-tree"),
            BuildError::NotAFolder { .. } => {
                Self::usage("the archive was not built").because(&error).next("pass the folder of the package")
            }
            BuildError::NotARepository { .. } => Self::usage("the archive was not built")
                .because(&error)
                .next("pass a folder of a clone, or pack the folder as it is: eqp packages build --working-tree"),
            BuildError::UnknownTag { is_shallow, newest, .. } => unknown_tag(&error, *is_shallow, newest),
            BuildError::NotInTag { .. } => Self::new(Exit::NotFound, "the archive was not built")
                .because(&error)
                .next("pass another folder or tag"),
            BuildError::Git { .. } => {
                failed().next("run the git command in the folder to see more, and fix what it reports")
            }
            BuildError::TimedOut { .. } => Self::new(Exit::TimedOut, "the archive was not built")
                .because(&error)
                .next("check why git hangs: the disk may be slow, or the repository on a network drive"),
            BuildError::ContentMissing { .. } => failed().next("clone the repository again without --filter"),
            BuildError::NameNotUtf8 { name } => failed().next("rename the file").next(exclude(&escaped(name))),
            BuildError::SameNames { second, .. } => failed()
                .why("on Windows and macOS they are the same file")
                .next("rename one of them")
                .next(exclude(&format!("/{second}"))),
            BuildError::Submodule { path } => failed()
                .why("git does not store its files in this repository")
                .next("copy its files into the repository, or require it in composer.json")
                .next(exclude(&format!("/{path}"))),
            BuildError::LfsPointer { path } => failed()
                .next("store the file in git itself, or fetch it with git lfs pull and use --working-tree")
                .next(exclude(&format!("/{path}"))),
            BuildError::Link { path, problem, .. } => {
                let failure = failed()
                    .why("the store does not accept links, so they are replaced by the files that they point to");
                let failure = match problem {
                    LinkProblem::Folder => failure.next("replace the link by a copy of the folder"),
                    _ => failure.next("replace the link by a file"),
                };
                failure.next(exclude(&format!("/{path}")))
            }
            BuildError::NotAFile { path } => failed().next("remove it").next(exclude(&format!("/{path}"))),
            BuildError::TooManyFiles { .. } | BuildError::TooLarge { .. } => {
                failed().next("do not pack files that are not part of the package: --exclude PATTERN")
            }
            BuildError::NoFiles { excluded: 0 } => failed().next("pass the folder of the package"),
            BuildError::NoFiles { excluded } => failed()
                .why(format!("{excluded} files are excluded"))
                .next("pack them with --no-default-excludes, or pass another folder"),
            BuildError::Pattern { .. } => Self::usage("the files to exclude are not known")
                .because(&error)
                .next("use the syntax of .gitignore, such as docs/, *.psd or /view/**/old.css"),
            BuildError::OtherVersion { .. } => failed()
                .next("set the version in composer.json, commit it, and move the tag")
                .next("or choose one of them: --version-from tag or --version-from composer"),
            BuildError::NoVersionInTag { .. } => {
                failed().next("use a tag such as v1.5.0, or set the version in composer.json")
            }
            BuildError::Read { .. } | BuildError::Scratch(_) => failed().next("check the permissions and the disk"),
            BuildError::Write { .. } => Self::new(Exit::Failed, "the archive was not written")
                .because(&error)
                .next("check that the folder exists, is writable and has space, or pass another file with --out"),
            BuildError::Exists { .. } => Self::usage("the archive was not written")
                .because(&error)
                .next("choose another file with --out, or overwrite it with --force"),
            BuildError::OutputIsInput { .. } => Self::usage("the archive was not written")
                .because(&error)
                .next("choose a file outside of the package with --out, or do not pack the file: --exclude PATTERN"),
            BuildError::Cancelled => Self::interrupted(),
            _ => failed(),
        }
    }
}

fn unknown_tag(error: &BuildError, is_shallow: bool, newest: &[String]) -> Failure {
    let failure = Failure::new(Exit::NotFound, "the archive was not built").because(error);
    let failure = if is_shallow {
        failure.why("it is a shallow clone, which may not have all tags").next(
            "fetch the tags: git fetch --tags (in CI: fetch-depth: 0 with actions/checkout, GIT_DEPTH: 0 in GitLab)",
        )
    } else {
        failure
    };
    if newest.is_empty() {
        return failure.next("create the tag: git tag TAG; or fetch it: git fetch --tags");
    }
    let newest: Vec<_> = newest.iter().map(|tag| escaped(tag)).collect();
    failure.next(format!("use an existing tag, such as {}", newest.join(", ")))
}
