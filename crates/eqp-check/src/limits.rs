//! The bounds of what is read, in one place.

/// The largest archive that the store takes, in bytes. Its guide says 30 MB; the larger reading of it counts.
pub(crate) const LARGEST_ARCHIVE: u64 = 30 * 1024 * 1024;
/// The largest document or image, in bytes: 5 MB, read as generously.
pub(crate) const LARGEST_UPLOAD: u64 = 5 * 1024 * 1024;
/// An archive larger than this is not opened at all: its directory alone could fill the memory.
pub(crate) const LARGEST_OPENED: u64 = 64 * 1024 * 1024;
/// More entries are taken for a bomb: the common form of a zip has no room for them.
pub(crate) const MOST_ENTRIES: u64 = 65_535;
/// More unpacked bytes are taken for a bomb.
pub(crate) const MOST_UNPACKED: u64 = 1024 * 1024 * 1024;
/// From here on the ratio is looked at: small files may shrink to nothing.
pub(crate) const RATIO_COUNTS_FROM: u64 = 100 * 1024 * 1024;
/// A higher ratio of unpacked to packed is taken for a bomb.
pub(crate) const HIGHEST_RATIO: u64 = 100;
/// The largest file of composer's or of a component's description that is read, in bytes.
pub(crate) const LARGEST_DESCRIPTION: u64 = 1024 * 1024;
/// A text is looked through in pieces of at most so many bytes.
pub(crate) const LARGEST_PIECE: usize = 1024 * 1024;
/// One rule names at most so many places; the rest is counted.
pub(crate) const MOST_PLACES: usize = 100;
