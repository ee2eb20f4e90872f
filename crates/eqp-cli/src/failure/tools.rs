//! Converts errors of tools to failures with remedies.

use eqp_release::tools::ToolError;

use super::{Exit, Failure};

impl From<ToolError> for Failure {
    fn from(error: ToolError) -> Self {
        let failed = |exit| Self::new(exit, "the code sniffer cannot be used").because(&error);
        match &error {
            ToolError::Folder { .. } => failed(Exit::Failed).next("choose another data folder: --data-dir FOLDER"),
            ToolError::Checksum { .. } => failed(Exit::Failed)
                .why("nothing was installed")
                .next("get the files again, and compare the checksum with that of a source that you trust"),
            ToolError::Archive { .. } | ToolError::Layout { .. } => {
                failed(Exit::Failed).why("nothing was installed").next(
                    "pass a zip archive of a folder in which composer require magento/magento-coding-standard has run",
                )
            }
            ToolError::Composer { .. } => failed(Exit::Failed)
                .next("check the connection to https://repo.packagist.org, or its proxy (HTTPS_PROXY)")
                .next("or install it on another machine, and pass the archive: --from FILE --sha256 HASH"),
            ToolError::DoesNotRun { .. } => failed(Exit::Failed)
                .next("install the PHP extensions xml, simplexml and tokenizer, or choose another PHP: --php PATH"),
            ToolError::Damaged { .. } => failed(Exit::Failed).next("install it again: eqp tools install"),
            ToolError::Php { .. } => {
                failed(Exit::Usage).next("install PHP 8.1 to 8.4 (its command-line program), or pass it: --php PATH")
            }
            ToolError::Check(eqp_check::Error::Cancelled) => {
                Self::new(Exit::Interrupted, "the command was stopped").next("run it again: nothing is half installed")
            }
            ToolError::Check(_) => failed(Exit::Usage).next("pass a file that exists and can be read"),
            _ => failed(Exit::Failed),
        }
    }
}
