//! Rules for the archive as a file.

category! { ARCHIVE = "Archive";

ARCHIVE_IS_ZIP = "archive-is-zip", Blocking by ValidatorScript, needs File, at "archive";
"The archive is a complete zip file.";
"Create the archive again (composer archive --format=zip), and check that it was copied completely.";

ARCHIVE_SIZE = "archive-size", Blocking by SellersGuide, needs File, at "archive";
"The archive is at most 30 MB in size.";
"Exclude files that an installation does not need, such as image sources, videos and test data.";

ARCHIVE_BOMB = "archive-bomb", Warning by OwnSafety, needs Archive, at "archive";
"The archive unpacks to at most 256 MiB and 65,535 files, and to no more than 100 times its size.";
"Check the content of the archive, which is not typical of a module. It was not unpacked, so its files were not checked.";

ARCHIVE_ENCRYPTED = "archive-encrypted", Blocking by OwnSafety, needs Archive, at "archive";
"No file of the archive is encrypted.";
"Create the archive without a password, which would prevent its installation.";

ARCHIVE_DAMAGED = "archive-damaged", Blocking by OwnSafety, needs Archive, at "archive";
"The checksum of every file is correct.";
"Create the archive again.";

ARCHIVE_COMPRESSION = "archive-compression", Warning by OwnSafety, needs Archive, at "archive";
"Files are stored without compression or with Deflate, which every program supports. Files that the store reads itself are also covered by blocking rules.";
"Create the archive with the default compression of zip.";

TOP_FOLDER = "top-folder", Blocking by ValidatorScript, needs Archive, at "archive";
"The files are at the top level of the archive, or all in one folder.";
"Put all files into one folder, or composer.json at the top level. __MACOSX also counts as a folder.";

COMPOSER_PRESENT = "composer-present", Blocking by ValidatorScript, needs Archive, at "composer.json";
"composer.json is at the top level, or in the only folder at the top level.";
"Create the archive from the folder that contains composer.json, not from a parent folder.";

COMPOSER_SECOND = "composer-second", Warning by OwnSafety, needs Archive, at "composer.json";
"There is no second composer.json next to the first one or one folder below it.";
"Exclude the other file, or move it into a deeper folder, because tools may find the wrong one.";

NAME_ENCODING = "name-encoding", Blocking by ValidatorScript, needs Archive, at "archive";
"A name that is flagged as UTF-8 is valid UTF-8.";
"Rename the file, or create the archive with another program.";

NAME_ESCAPES = "name-escapes", Warning by OwnSafety, needs Archive, at "archive";
"No name is an absolute path or a path outside the folder that the archive is unpacked to.";
"Create the archive from within the folder of the package.";

NAME_PORTABLE = "name-portable", Warning by OwnSafety, needs Archive, at "archive";
"Names are UTF-8, use / as separator, have no control characters, and are valid on Windows: no device names, and no names that differ only in letter case.";
"Rename the file, or create the archive with another program.";

ENTRY_LINK = "entry-link", Warning by OwnSafety, needs Archive, at "archive";
"The archive contains only files and folders, no links or devices.";
"Replace the link with the file itself.";

ENTRY_TWICE = "entry-twice", Warning by OwnSafety, needs Archive, at "archive";
"Every name occurs only once in the archive.";
"Create a new archive instead of adding files to an old one. Which of the duplicates is unpacked depends on the program.";

VCS_FILES = "vcs-files", Warning by Practice, needs Archive, at "archive";
"The archive contains no files of a version control system (.git, .gitignore, .gitattributes, .svn, .hg …).";
"Exclude them with export-ignore in .gitattributes, or with --exclude of eqp packages build. Submissions were rejected because of them.";

CLUTTER = "clutter", Warning by Practice, needs Archive, at "archive";
"The archive contains no files of a development environment, a build or a code host (vendor/, node_modules, composer.lock, .github, .travis.yml, phpunit.xml.dist, Makefile, *.sql, error_log, *.orig, *~, .swp, auth.json, .DS_Store, __MACOSX, .idea, .vscode …).";
"Exclude them with export-ignore in .gitattributes, or with --exclude of eqp packages build.";
}
