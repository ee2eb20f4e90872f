//! The limits of the check.

/// The largest archive that the store accepts, in bytes. Its guide says "30 MB"; it is interpreted as 30 MiB.
pub const MAX_ARCHIVE_BYTES: u64 = 30 * 1024 * 1024;
/// The largest document or image, in bytes: "5 MB" in the larger meaning.
pub(crate) const MAX_UPLOAD_BYTES: u64 = 5 * 1024 * 1024;
/// The maximum length of release notes, in characters.
pub const MAX_RELEASE_NOTES_CHARS: usize = 10_000;
/// A larger archive is not opened at all, because its directory alone could exhaust the memory.
pub(crate) const MAX_OPENED_BYTES: u64 = 64 * 1024 * 1024;
/// An archive with more entries counts as a zip bomb. The common zip format does not support more.
pub const MAX_ENTRIES: u64 = 65_535;
/// An archive with more content is not unpacked. Text that is compressed to 30 MB has about half of this size.
pub const MAX_UNPACKED_BYTES: u64 = 256 * 1024 * 1024;
/// The compression ratio is only checked above this size, in bytes: small files can have any ratio.
pub(crate) const RATIO_CHECKED_FROM: u64 = 100 * 1024 * 1024;
/// An archive with a higher compression ratio counts as a zip bomb.
pub(crate) const MAX_RATIO: u64 = 100;
/// The largest composer.json or component description that is read, in bytes.
pub const MAX_METADATA_BYTES: u64 = 1024 * 1024;
/// Files are scanned in chunks of at most this many bytes.
pub(crate) const CHUNK_BYTES: usize = 1024 * 1024;
/// Messages show at most this many characters of a name or a value.
pub(crate) const MAX_MESSAGE_CHARS: usize = 400;
/// The maximum nesting of JSON in PHP.
pub(crate) const MAX_JSON_DEPTH_PHP: usize = 512;
/// The maximum nesting of JSON in this check.
pub(crate) const MAX_JSON_DEPTH: usize = 127;
/// An XML file with a longer tag or more nodes is not parsed, because the parser compares attributes with each other.
pub(crate) const MAX_TAG_BYTES: usize = 16 * 1024;
pub(crate) const MAX_XML_NODES: u32 = 50_000;
/// An XML file with more namespace declarations is not parsed, because every nested element inherits them.
pub(crate) const MAX_XML_NAMESPACES: usize = 100;
/// The maximum number of stored findings per rule. Others are only counted.
pub(crate) const MAX_FINDINGS_PER_RULE: usize = 100;
