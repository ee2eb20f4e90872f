//! The extensions of the demo, for use with [`Script::demo`](crate::Script::demo): small, valid archives that are
//! generated on request.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// An extension of the demo. Its names determine what [`Script::demo`](crate::Script::demo) does with it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Extension {
    /// The title in the store.
    pub title: &'static str,
    /// The Composer name of the module, without the vendor.
    pub module: &'static str,
    /// The version.
    pub version: &'static str,
    /// The file name of the archive.
    pub archive: &'static str,
}

/// An extension that is released without a rejection.
pub const RELEASED: Extension = Extension {
    title: "Gift Registry",
    module: "gift-registry",
    version: "1.2.0",
    archive: "acme-gift-registry-1.2.0.zip",
};
/// An extension that the first marketing review rejects.
pub const REJECTED_ONCE: Extension = Extension {
    title: "Product Badges",
    module: "product-badges",
    version: "2.0.1",
    archive: "acme-product-badges-2.0.1.zip",
};
/// An extension whose archive fails the malware scan.
pub const INFECTED: Extension = Extension {
    title: "Quick Order",
    module: "quick-order",
    version: "0.9.0",
    archive: "acme-quick-order-0.9.0-infected.zip",
};

/// All extensions, in the order in which the demo submits them.
pub const EXTENSIONS: [Extension; 3] = [RELEASED, REJECTED_ONCE, INFECTED];

impl Extension {
    /// Writes the extension's archive into `folder`, and returns its path.
    ///
    /// # Errors
    ///
    /// Returns the I/O error if the file cannot be written.
    pub fn write_archive(&self, folder: &Path) -> std::io::Result<PathBuf> {
        let Self { module, version, archive, .. } = *self;
        let path = folder.join(archive);
        let mut zip = ZipWriter::new(File::create(&path)?);
        let camel: String = module.split('-').map(capitalised).collect();
        let composer = serde_json::json!({
            "name": format!("acme/{module}"),
            "type": "magento2-module",
            "version": version,
            "license": "OSL-3.0",
            "require": {"php": ">=8.1", "magento/framework": "^103.0"},
            "autoload": {"files": ["registration.php"], "psr-4": {format!("Acme\\{camel}\\"): ""}},
        });
        let registration = format!(
            "<?php\n\nuse Magento\\Framework\\Component\\ComponentRegistrar;\n\n\
             ComponentRegistrar::register(ComponentRegistrar::MODULE, 'Acme_{camel}', __DIR__);\n"
        );
        let module_xml = format!("<?xml version=\"1.0\"?>\n<config>\n    <module name=\"Acme_{camel}\"/>\n</config>\n");
        let composer = format!("{composer:#}\n");
        for (name, text) in
            [("composer.json", composer), ("registration.php", registration), ("etc/module.xml", module_xml)]
        {
            zip.start_file(name, SimpleFileOptions::default()).map_err(std::io::Error::other)?;
            zip.write_all(text.as_bytes())?;
        }
        zip.finish().map_err(std::io::Error::other)?;
        Ok(path)
    }
}

/// A PNG image of one white pixel.
const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0, 1, 8,
    0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 0x0a, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63, 0xf8, 0x0f, 0, 1, 1,
    1, 0, 0x1b, 0xb6, 0xee, 0x56, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];
/// A PDF file of one empty page.
const PDF: &str = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
    3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";

/// Writes the files that the listings of all extensions share into `folder`: a user guide, an icon and a gallery image.
///
/// # Errors
///
/// Returns the I/O error if a file cannot be written.
pub fn write_listing_files(folder: &Path) -> std::io::Result<[PathBuf; 3]> {
    let [guide, icon, gallery] = ["user-guide.pdf", "icon.png", "gallery.png"].map(|name| folder.join(name));
    std::fs::write(&guide, PDF)?;
    std::fs::write(&icon, PNG)?;
    std::fs::write(&gallery, PNG)?;
    Ok([guide, icon, gallery])
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
