//! Rules for the archive as a file.

chapter! { "Archive";

ARCHIVE_IS_ZIP = "archive-is-zip", Blocks by ValidatorScript, needs File, at "archive";
"The archive is a zip file from its first byte to its end.";
"Make it again (composer archive --format=zip) and see that it was copied whole.";

ARCHIVE_SIZE = "archive-size", Blocks by SellersGuide, needs File, at "archive";
"The archive has at most 30 MB.";
"Leave out what an installation does not need: sources of images, videos, tests' data.";

ARCHIVE_BOMB = "archive-bomb", Warns by OwnSafety, needs Archive, at "archive";
"The archive unpacks to at most 256 MiB and 65,535 files, and to no more than 100 times its size.";
"Look at what the archive holds: no module is like that. It is not unpacked here, so what is in its files was not checked.";

ARCHIVE_ENCRYPTED = "archive-encrypted", Blocks by OwnSafety, needs Archive, at "archive";
"No file of the archive is encrypted.";
"Make the archive without a password: nobody could install it.";

ARCHIVE_DAMAGED = "archive-damaged", Blocks by OwnSafety, needs Archive, at "archive";
"Every file unpacks to what its checksum says.";
"Make the archive again.";

ARCHIVE_COMPRESSION = "archive-compression", Warns by OwnSafety, needs Archive, at "archive";
"Files are stored or deflated: what every program can unpack. What the store reads itself has to be, and other rules block where it is not.";
"Make the archive with zip's default compression.";

TOP_FOLDER = "top-folder", Blocks by ValidatorScript, needs Archive, at "archive";
"Files lie at the top of the archive, or all in one folder.";
"Put everything into one folder, or composer.json at the top; __MACOSX counts as a folder too.";

COMPOSER_PRESENT = "composer-present", Blocks by ValidatorScript, needs Archive, at "composer.json";
"composer.json lies at the top, or in the one folder at the top.";
"Archive the folder that holds composer.json, not a folder around it.";

COMPOSER_SECOND = "composer-second", Warns by OwnSafety, needs Archive, at "composer.json";
"No second composer.json lies beside the first, or one folder below it.";
"Leave the other one out, or move it deeper: tools that look for one may find the wrong one.";

NAME_ENCODING = "name-encoding", Blocks by ValidatorScript, needs Archive, at "archive";
"A name that the archive flags as UTF-8 is UTF-8.";
"Rename the file, or make the archive with another program.";

NAME_ESCAPES = "name-escapes", Warns by OwnSafety, needs Archive, at "archive";
"No name is absolute or leads out of the folder that it is unpacked to.";
"Make the archive from inside the package's folder.";

NAME_PORTABLE = "name-portable", Warns by OwnSafety, needs Archive, at "archive";
"Names are UTF-8, have / between folders and no control characters, and work on Windows: no device names, no two that differ by letter case only.";
"Rename the file, or make the archive with another program.";

ENTRY_LINK = "entry-link", Warns by OwnSafety, needs Archive, at "archive";
"The archive holds files and folders only, no links or devices.";
"Put the file itself where the link is.";

ENTRY_TWICE = "entry-twice", Warns by OwnSafety, needs Archive, at "archive";
"No name is in the archive twice.";
"Make the archive anew instead of adding to an old one: which of the two is unpacked depends on the program.";

VCS_FILES = "vcs-files", Warns by Practice, needs Archive, at "archive";
"There are no files of a version control system (.git, .gitignore, .gitattributes, .svn, .hg …).";
"Leave them out, by export-ignore in .gitattributes or archive.exclude in composer.json; releases were refused for them.";

CLUTTER = "clutter", Warns by Practice, needs Archive, at "archive";
"Nothing is left over from a workplace, a build or a code host (vendor/, node_modules, composer.lock, .github, .travis.yml, phpunit.xml.dist, Makefile, *.sql, error_log, *.orig, *~, .swp, auth.json, .DS_Store, __MACOSX, .idea, .vscode …).";
"Leave it out, by export-ignore in .gitattributes or archive.exclude in composer.json.";
}
