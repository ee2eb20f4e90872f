//! Events out of the receiver, to handlers in the same process.
