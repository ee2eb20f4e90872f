//! Rules for the package: composer.json, the files of each kind of component, and the code.

category! { COMPOSER = "composer.json";

COMPOSER_JSON = "composer-json", Blocking by ValidatorScript, needs Archive, at "composer.json";
"composer.json can be unpacked and is a JSON object in UTF-8 without a byte order mark.";
"Save it as UTF-8 without BOM, and run composer validate.";

COMPOSER_SIZE = "composer-size", Warning by OwnSafety, needs Archive, at "composer.json";
"composer.json is at most 1 MiB in size.";
"Check its content: it should be a few kilobytes. A larger file is not read, so the rules for it did not run.";

COMPOSER_NAME = "composer-name", Blocking by ValidatorScript, needs Composer, at "composer.json: name";
"The name has the form vendor/package, with letters, digits, _ and -.";
"Change the name. The store uses it as the SKU.";

COMPOSER_NAME_CASE = "composer-name-case", Warning by ComponentDocumentation, needs Composer, at "composer.json: name";
"The name is in lower case.";
"Write the name in lower case, which Composer 2 requires.";

COMPOSER_THEME_NAME = "composer-theme-name", Warning by ComponentDocumentation, needs Composer, at "composer.json: name";
"The name of a theme has the form vendor/theme-AREA-NAME, where AREA is frontend or adminhtml.";
"Change the name, unless the theme is already in the store under another name.";

COMPOSER_VERSION = "composer-version", Blocking by ValidatorScript, needs Composer, at "composer.json: version";
"The version has the form N.N.N, with an optional prefix v and an optional suffix (-patch, -p, -dev, -a, -alpha, -b, -beta or -rc) that can have a number.";
"Set the version that is submitted, such as 1.4.2.";

COMPOSER_VERSION_PLAIN = "composer-version-plain", Warning by ApiDocumentation, needs Composer, at "composer.json: version";
"The version has exactly the form major.minor.patch.";
"Remove the prefix v and the suffix. The API only documents versions such as 1.4.2.";

COMPOSER_TYPE = "composer-type", Blocking by ValidatorScript, needs Composer, at "composer.json: type";
"The type is magento2-module, magento2-theme, magento2-language or metapackage.";
"Set the type of the package.";

COMPOSER_EXTRA = "composer-extra", Blocking by ValidatorScript, needs Composer, at "composer.json: extra";
"composer.json has neither extra.map nor extra.magento-root-dir.";
"Remove the key. Components are registered in registration.php.";

COMPOSER_SOURCE = "composer-source", Warning by ComponentDocumentation, needs Composer, at "composer.json: source, dist";
"composer.json has neither source nor dist.";
"Remove the key. The repository of the store provides the location of the package.";

DEPENDENCY_FORBIDDEN = "dependency-forbidden", Blocking by SellersGuide, needs Composer, at "composer.json: require";
"The package does not require magento/magento-composer-installer, magento2-base, magento2-ee-base, product-community-edition or product-enterprise-edition.";
"Require the modules that are used instead (magento/framework, magento/module-…).";

DEPENDENCY_WILDCARD = "dependency-wildcard", Blocking by ValidatorScript, needs Composer, at "composer.json: require";
"No magento package is required with the version *.";
"Specify the compatible versions, such as ^103.0.";

DEPENDENCY_ALIAS = "dependency-alias", Blocking by SellersGuide, needs Composer, at "composer.json: require";
"No requirement uses an inline alias (1.0.x-dev as 1.0.0).";
"Require a version that exists.";

DEPENDENCY_PHP = "dependency-php", Warning by SellersGuide, needs Listing, at "composer.json: require.php";
"require.php allows every PHP version that the newest patches of the claimed Commerce versions support.";
"Extend require.php, or claim fewer versions in version_compatibility.";

AUTOLOAD_FILES = "autoload-files", Blocking by ValidatorScript, needs Composer, at "composer.json: autoload.files";
"autoload.files contains registration.php (not needed for a metapackage).";
"Add \"files\": [\"registration.php\"] to autoload.";

AUTOLOAD_NAMESPACE = "autoload-namespace", Blocking by ValidatorScript, needs Composer, at "composer.json: autoload.psr-4";
"autoload.psr-4 of a module declares a namespace.";
"Add \"psr-4\": {\"Vendor\\\\Module\\\\\": \"\"} to autoload.";

AUTOLOAD_NAMESPACE_NEEDLESS = "autoload-namespace-needless", Warning by SellersGuide, needs Composer, at "composer.json: autoload.psr-4";
"A theme or a language package declares no namespace.";
"Remove psr-4 from autoload.";

AUTOLOAD_SOURCE_FOLDER = "autoload-source-folder", Warning by ValidatorScript, needs Composer, at "composer.json: autoload";
"The code (the folder of at least one namespace, or of the first autoloaded file) is in the root folder of the package, not in a subfolder such as src/.";
"Move the code to the root folder, or try whether the store accepts it. Its published script rejects subfolders, but it is not documented whether the store still uses this script.";

METAPACKAGE_REQUIRE = "metapackage-require", Blocking by ValidatorScript, needs Composer, at "composer.json: require";
"A metapackage requires at least one package.";
"Require the packages that it consists of.";
}

category! { COMPONENT = "Component";

REGISTRATION = "registration", Blocking by ValidatorScript, needs Composer, at "registration.php";
"registration.php exists at the path in autoload.files and is not empty (not needed for a metapackage).";
"Add the file that registers the component.";

REGISTRATION_NAME = "registration-name", Warning by ComponentDocumentation, needs Composer, at "registration.php";
"registration.php registers the module name in etc/module.xml.";
"Use the same name (Vendor_Module) in both. Otherwise Commerce does not load the module.";

MODULE_XML = "module-xml", Blocking by ValidatorScript, needs Composer, at "etc/module.xml";
"A module has a non-empty etc/module.xml.";
"Add the file with <module name=\"Vendor_Module\"/>.";

THEME_XML = "theme-xml", Blocking by ValidatorScript, needs Composer, at "theme.xml";
"A theme has a non-empty theme.xml.";
"Add the file with title and parent.";

LANGUAGE_XML = "language-xml", Blocking by ValidatorScript, needs Composer, at "language.xml";
"A language package has a non-empty language.xml.";
"Add the file with code, vendor and package.";

COMPONENT_XML = "component-xml", Blocking by SellersGuide, needs Composer, at "etc/module.xml, theme.xml, language.xml";
"The file that describes the component is well-formed XML.";
"Fix the error in the message, and run xmllint --noout.";

METAPACKAGE_ALONE = "metapackage-alone", Warning by ComponentDocumentation, needs Composer, at "archive";
"A metapackage contains only composer.json.";
"Remove the other files, which Composer does not install.";
}

category! { CODE = "Code";

UNFINISHED = "unfinished", Warning by SellersGuide, needs Contents, at "php, phtml, js, xml, css, less, html, graphqls";
"No comment contains TODO, @todo or FIXME, in any letter case.";
"Complete the work, or track it somewhere else.";

SECRET_FILE = "secret-file", Warning by OwnSafety, needs Archive, at "archive";
"The archive contains no files with secrets (.env, private keys, an auth.json with an access key). Placeholders are not secrets.";
"Exclude the file, and change the secret if anyone else has received the archive.";

SECRET_TEXT = "secret-text", Warning by OwnSafety, needs Contents, at "text files";
"No text file contains a private key or an access token.";
"Remove the secret and change it, because every buyer can read it.";

LAYOUT_UNCACHEABLE = "layout-uncacheable", Warning by Practice, needs Contents, at "view/frontend/layout, view/base/layout";
"Storefront layouts of cached pages have no block with cacheable=\"false\"; checkout, account, vault and print pages are never cached.";
"Load private content with customer data or AJAX. One such block prevents Varnish from caching the whole page, which the store tests.";

CODE_SNIFFER = "code-sniffer", Blocking by SellersGuide, needs CodeSniffer, at "php, phtml";
"phpcs finds no error of severity 10 in the Magento2 standard. Suppressions in the code are ignored.";
"Fix all errors. Comments such as phpcs:ignore have no effect.";

SEMANTIC_VERSION = "semantic-version", Warning by SellersGuide, needs SemanticVersion, at "php";
"The changes since the previous version only require a patch version.";
"No action is needed if the new version is a minor or major one. It only means that manual tests cannot be skipped.";
}
