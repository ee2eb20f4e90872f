//! From callbacks to tracks and events.
