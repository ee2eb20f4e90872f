//! The bounds of what is read, in one place.

/// The largest archive that the store takes, in bytes. Its guide says 30 MB; the larger reading of it counts.
pub(crate) const LARGEST_ARCHIVE: u64 = 30 * 1024 * 1024;
/// The largest document or image, in bytes: 5 MB, read as generously.
pub(crate) const LARGEST_UPLOAD: u64 = 5 * 1024 * 1024;
/// An archive larger than this is not opened at all: its directory alone could fill the memory.
pub(crate) const LARGEST_OPENED: u64 = 64 * 1024 * 1024;
/// More entries are taken for a bomb: the common form of a zip has no room for them.
pub(crate) const MOST_ENTRIES: u64 = 65_535;
/// More unpacked bytes are not unpacked here: texts of 30 MB packed have a half of it.
pub(crate) const MOST_UNPACKED: u64 = 256 * 1024 * 1024;
/// From here on the ratio is looked at: small files may shrink to nothing.
pub(crate) const RATIO_COUNTS_FROM: u64 = 100 * 1024 * 1024;
/// A higher ratio of unpacked to packed is taken for a bomb.
pub(crate) const HIGHEST_RATIO: u64 = 100;
/// The largest file of composer's or of a component's description that is read, in bytes.
pub(crate) const LARGEST_DESCRIPTION: u64 = 1024 * 1024;
/// A text is looked through in pieces of at most so many bytes.
pub(crate) const LARGEST_PIECE: usize = 1024 * 1024;
/// A message shows at most so many characters of a name or a value.
pub(crate) const LONGEST_MESSAGE: usize = 400;
/// PHP reads JSON that is nested so deeply, and no deeper.
pub(crate) const DEEPEST_JSON: usize = 512;
/// JSON that is nested more deeply is not read here.
pub(crate) const DEEPEST_HERE: usize = 127;
/// An XML file with a longer tag, or with more nodes, is not parsed: the parser compares attributes with each other.
pub(crate) const LONGEST_TAG: usize = 16 * 1024;
pub(crate) const MOST_XML_NODES: u32 = 50_000;
/// The same for declared namespaces, which every element inside inherits.
pub(crate) const MOST_XML_NAMESPACES: usize = 100;
/// One rule names at most so many places; the rest is counted.
pub(crate) const MOST_PLACES: usize = 100;
