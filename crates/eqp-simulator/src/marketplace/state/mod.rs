//! The data types of the simulated Marketplace's state. The operations are in the modules next to this one.

mod account;
mod file;
mod list;
mod package;
mod test_run;

pub(crate) use account::{Account, AccountIndex, Key};
pub(crate) use file::{FileEntry, NewFile};
pub(crate) use list::{ListQuery, Page};
pub(crate) use package::{PackageEntry, PackageIndex, Track};
pub(crate) use test_run::{Finding, TestRunEntry, automated};
