//! Realistic generated submissions: an extension, a theme, a language package, a metapackage and a shared package, each
//! with its listing.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A PNG image of one white pixel.
pub const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0, 1, 8,
    0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 0x0a, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63, 0xf8, 0x0f, 0, 1, 1,
    1, 0, 0x1b, 0xb6, 0xee, 0x56, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];
/// A PDF file of one empty page.
pub const PDF: &[u8] =
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
    3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";

/// The builder of an archive.
#[derive(Clone, Debug)]
pub struct Submission {
    folder: &'static str,
    composer: Value,
    files: Vec<(String, Vec<u8>)>,
    submitted_as: &'static str,
}

impl Submission {
    /// Creates a module that shows badges.
    pub fn module() -> Self {
        Self::new("extension", composer("acme/module-badges", "magento2-module"))
            .composer(|composer| composer["autoload"]["psr-4"] = json!({"Acme\\Badges\\": ""}))
            .file("registration.php", registration("MODULE", "Acme_Badges"))
            .file("etc/module.xml", "<?xml version=\"1.0\"?>\n<config xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:noNamespaceSchemaLocation=\"urn:magento:framework:Module/etc/module.xsd\">\n    <module name=\"Acme_Badges\">\n        <sequence><module name=\"Magento_Catalog\"/></sequence>\n    </module>\n</config>\n")
            .file("etc/di.xml", "<?xml version=\"1.0\"?>\n<config/>\n")
            .file("Model/Badge.php", "<?php\ndeclare(strict_types=1);\n\nnamespace Acme\\Badges\\Model;\n\n/** A badge on a product. */\nclass Badge\n{\n    public const TODO_LIST = 'todo';\n}\n")
            .file("view/frontend/layout/catalog_product_view.xml", "<?xml version=\"1.0\"?>\n<page>\n    <body>\n        <block name=\"acme.badge\" template=\"Acme_Badges::badge.phtml\"/>\n    </body>\n</page>\n")
            .file("view/frontend/templates/badge.phtml", "<span class=\"badge\"><?= $block->escapeHtml(__('New')) ?></span>\n")
            .file("view/frontend/web/images/badge.png", PNG)
            .file("i18n/en_US.csv", "\"New\",\"New\"\n")
            .file("LICENSE.txt", "Open Software License 3.0\n")
            .file("README.md", "# Badges\n\nTODO lists are not part of it.\n")
    }

    /// Creates a theme.
    pub fn theme() -> Self {
        Self::new("theme", composer("acme/theme-frontend-snow", "magento2-theme"))
            .composer(|composer| composer["require"] = json!({"magento/theme-frontend-blank": "100.4.*"}))
            .file("registration.php", registration("THEME", "frontend/Acme/snow"))
            .file("theme.xml", "<theme xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:noNamespaceSchemaLocation=\"urn:magento:framework:Config/etc/theme.xsd\">\n    <title>Snow</title>\n    <parent>Magento/blank</parent>\n</theme>\n")
            .file("web/css/source/_theme.less", "@color: #fff;\n")
            .file("media/preview.jpg", &b"\xFF\xD8\xFF\xE0\0\x10JFIF\0"[..])
    }

    /// Creates a language package.
    pub fn language() -> Self {
        Self::new("extension", composer("acme/language-gd_gb", "magento2-language"))
            .file("registration.php", registration("LANGUAGE", "acme_gd_gb"))
            .file("language.xml", "<?xml version=\"1.0\"?>\n<language xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:noNamespaceSchemaLocation=\"urn:magento:framework:App/Language/package.xsd\">\n    <code>gd_GB</code>\n    <vendor>acme</vendor>\n    <package>gd_gb</package>\n</language>\n")
            .file("gd_GB.csv", "\"Cart\",\"Cairt\"\n")
    }

    /// Creates a metapackage that requires two modules.
    pub fn metapackage() -> Self {
        Self::new("extension", composer("acme/badges-suite", "metapackage")).composer(|composer| {
            composer["require"] = json!({"acme/module-badges": "^1.2", "acme/module-badges-graph-ql": "^1.2"});
            if let Some(fields) = composer.as_object_mut() {
                fields.remove("autoload");
            }
        })
    }

    /// Creates a shared package.
    pub fn shared_package() -> Self {
        let mut submission = Self::module();
        submission.submitted_as = "shared_package";
        submission.composer(|composer| composer["name"] = json!("acme/module-core"))
    }

    fn new(submitted_as: &'static str, composer: Value) -> Self {
        Self { folder: "", composer, files: Vec::new(), submitted_as }
    }

    /// Changes the composer.json.
    #[must_use]
    pub fn composer(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.composer);
        self
    }

    /// Adds a file, or replaces the one with this name, even composer.json.
    #[must_use]
    pub fn file(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self = self.without(name);
        self.files.push((name.to_owned(), content.as_ref().to_vec()));
        self
    }

    /// Removes a file.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.files.retain(|(other, _)| other != name);
        if name == "composer.json" {
            self.composer = Value::Null;
        }
        self
    }

    /// Returns the names of the files, without composer.json.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(name, _)| name.as_str())
    }

    /// Puts everything into a folder, whose name ends with `/`.
    #[must_use]
    pub fn in_folder(mut self, folder: &'static str) -> Self {
        self.folder = folder;
        self
    }

    /// Returns the archive.
    ///
    /// # Panics
    ///
    /// Never: writing to memory does not fail.
    #[expect(clippy::unwrap_used, reason = "writing to memory does not fail")]
    pub fn bytes(&self) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        if !self.composer.is_null() {
            archive.start_file(format!("{}composer.json", self.folder), deflated).unwrap();
            archive.write_all(format!("{:#}\n", self.composer).as_bytes()).unwrap();
        }
        for (name, content) in &self.files {
            archive.start_file(format!("{}{name}", self.folder), deflated).unwrap();
            archive.write_all(content).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    /// Writes the archive into a folder.
    pub fn write(&self, folder: &Path) -> std::io::Result<PathBuf> {
        let path = folder.join("submission.zip");
        std::fs::write(&path, self.bytes())?;
        Ok(path)
    }

    /// Writes the files into a folder, as in a repository.
    pub fn write_files(&self, folder: &Path) -> std::io::Result<()> {
        let composer =
            (!self.composer.is_null()).then(|| ("composer.json", format!("{:#}\n", self.composer).into_bytes()));
        let files = self.files.iter().map(|(name, content)| (name.as_str(), content.clone()));
        for (name, content) in composer.into_iter().chain(files) {
            let path = folder.join(self.folder).join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, content)?;
        }
        Ok(())
    }

    /// Returns the listing with the field names of the API, and writes its files into the folder.
    pub fn listing(&self, folder: &Path) -> std::io::Result<Value> {
        for (name, content) in
            [("guide.pdf", PDF), ("install.pdf", PDF), ("icon.png", PNG), ("admin.png", PNG), ("store.png", PNG)]
        {
            std::fs::write(folder.join(name), content)?;
        }
        let mut listing = json!({
            "type": self.submitted_as,
            "platform": "M2",
            "sku": self.composer["name"],
            "version": self.composer["version"],
            "name": "Product Badges",
            "long_description": DESCRIPTION,
            "release_notes": "<ul><li>Badges in the cart</li></ul>",
            "license_type": "osl",
            "version_compatibility": [{"edition": "CE", "versions": ["2.4"]}, {"edition": "EE", "versions": ["2.4"]}],
            "categories": ["//Extensions//Site Optimization//Personalization & Experience Management"],
            "pricing_model": {"pricing_type": "one-time", "payment_period": 1},
            "prices": [
                {"edition": "CE", "currency_code": "USD", "price": 99},
                {"edition": "EE", "currency_code": "USD", "price": "199.00", "installation_price": 0},
            ],
            "stability": "stable",
        });
        let path = |name: &str| json!({"file": folder.join(name)});
        if self.submitted_as != "shared_package" {
            listing["documentation_artifacts"] =
                json!({"user": path("guide.pdf"), "installation": path("install.pdf")});
            listing["media_artifacts"] = json!({
                "icon_image": path("icon.png"),
                "gallery_images": [path("admin.png"), path("store.png")],
                "video_urls": ["https://www.youtube.com/watch?v=l33T2-YC4tk"],
            });
        }
        Ok(listing)
    }
}

/// A description that passes the checks.
const DESCRIPTION: &str = "<p>Shows what is new, on sale or sold out, on each product of the storefront.</p>\
    <h2>Features</h2><ul><li>New</li><li>Sale</li><li>Sold out</li><li>Own texts</li><li>Own colors</li></ul>\
    <h2>Support</h2><p>See <a href=\"https://acme.example.com/support\">our support</a>.</p>";

fn composer(name: &str, kind: &str) -> Value {
    json!({
        "name": name,
        "description": "Badges on products",
        "type": kind,
        "version": "1.2.0",
        "license": "OSL-3.0",
        "require": {"php": "~8.3.0||~8.4.0||~8.5.0", "magento/framework": "^103.0"},
        "autoload": {"files": ["registration.php"]},
    })
}

fn registration(kind: &str, name: &str) -> String {
    format!(
        "<?php\n\nuse Magento\\Framework\\Component\\ComponentRegistrar;\n\n\
         ComponentRegistrar::register(ComponentRegistrar::{kind}, '{name}', __DIR__);\n"
    )
}
