//! The files of the demo's extensions: small, real, made on the spot.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A white pixel.
const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0, 1, 8,
    0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 0x0a, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63, 0xf8, 0x0f, 0, 1, 1,
    1, 0, 0x1b, 0xb6, 0xee, 0x56, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];
/// One empty page.
const PDF: &str = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
    3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";

/// Writes the archive of a module `acme/{module}` into `folder`.
pub(super) fn module(folder: &Path, file_name: &str, module: &str, version: &str) -> std::io::Result<PathBuf> {
    let path = folder.join(file_name);
    let mut archive = ZipWriter::new(File::create(&path)?);
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
        archive.start_file(name, SimpleFileOptions::default()).map_err(std::io::Error::other)?;
        archive.write_all(text.as_bytes())?;
    }
    archive.finish().map_err(std::io::Error::other)?;
    Ok(path)
}

/// Writes a user guide, an icon and a gallery image into `folder`, in this order.
pub(super) fn listing(folder: &Path) -> std::io::Result<[PathBuf; 3]> {
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
