//! Rules for the archive as a file.

chapter! { "Archive";

ARCHIVE_IS_ZIP = "archive-is-zip", Blocks by ValidatorScript, needs File, at "archive";
"The archive is a zip file, whole to its end.";
"Make it again (composer archive --format=zip) and see that it was copied whole.";

ARCHIVE_SIZE = "archive-size", Blocks by SellersGuide, needs File, at "archive";
"The archive has at most 30 MB.";
"Leave out what an installation does not need: sources of images, videos, tests' data.";

ARCHIVE_BOMB = "archive-bomb", Blocks by OwnSafety, needs Archive, at "archive";
"The archive unpacks to at most 1 GiB and 65,535 files, and to no more than 100 times its size.";
"Look at what the archive holds: no module is like that.";

ARCHIVE_ENCRYPTED = "archive-encrypted", Blocks by OwnSafety, needs Archive, at "archive";
"No file of the archive is encrypted.";
"Make the archive without a password: nobody could install it.";

ARCHIVE_DAMAGED = "archive-damaged", Blocks by OwnSafety, needs Archive, at "archive";
"Every file unpacks to what its checksum says.";
"Make the archive again.";

ARCHIVE_COMPRESSION = "archive-compression", Warns by OwnSafety, needs Archive, at "archive";
"Files are stored or deflated: what every program can unpack.";
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

NAME_ESCAPES = "name-escapes", Blocks by OwnSafety, needs Archive, at "archive";
"No name is absolute or leads out of the folder that it is unpacked to.";
"Make the archive from inside the package's folder.";

NAME_PORTABLE = "name-portable", Warns by OwnSafety, needs Archive, at "archive";
"Names are UTF-8, have / between folders and no control characters.";
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
"Nothing is in it that belongs to a workplace only (.DS_Store, __MACOSX, .idea, .vscode, node_modules, Thumbs.db).";
"Leave it out.";
}
