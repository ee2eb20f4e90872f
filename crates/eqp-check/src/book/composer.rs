//! Rules for composer.json.

chapter! { "composer.json";

COMPOSER_JSON = "composer-json", Blocks by ValidatorScript, needs Archive, at "composer.json";
"composer.json can be unpacked, and is a JSON object in UTF-8 without a byte order mark.";
"Save it as UTF-8 without BOM, and try it with composer validate.";

COMPOSER_SIZE = "composer-size", Warns by OwnSafety, needs Archive, at "composer.json";
"composer.json has at most 1 MiB.";
"Look at what it holds: it should be some kilobytes. A larger one is not read here, so the rules for it did not run.";

COMPOSER_NAME = "composer-name", Blocks by ValidatorScript, needs Composer, at "composer.json: name";
"The name is vendor/package, of letters, digits, _ and -.";
"Give it such a name; the store makes the SKU from it.";

COMPOSER_NAME_CASE = "composer-name-case", Warns by ComponentDocumentation, needs Composer, at "composer.json: name";
"The name is in lower case.";
"Write it in lower case: Composer 2 refuses anything else.";

COMPOSER_THEME_NAME = "composer-theme-name", Warns by ComponentDocumentation, needs Composer, at "composer.json: name";
"The name of a theme is vendor/theme-AREA-NAME, the area being frontend or adminhtml.";
"Name it so, unless it is in the store under another name already.";

COMPOSER_VERSION = "composer-version", Blocks by ValidatorScript, needs Composer, at "composer.json: version";
"The version is N.N.N, perhaps with v before it and one of -patch, -p, -dev, -a, -alpha, -b, -beta, -rc and a number after it.";
"Write the version that is submitted, such as 1.4.2.";

COMPOSER_VERSION_PLAIN = "composer-version-plain", Warns by ApiDocumentation, needs Composer, at "composer.json: version";
"The version is major.minor.patch and nothing else.";
"Leave out the v and the suffix: the API knows versions such as 1.4.2 only.";

COMPOSER_TYPE = "composer-type", Blocks by ValidatorScript, needs Composer, at "composer.json: type";
"The type is magento2-module, magento2-theme, magento2-language or metapackage.";
"Write the one that it is.";

COMPOSER_EXTRA = "composer-extra", Blocks by ValidatorScript, needs Composer, at "composer.json: extra";
"Neither extra.map nor extra.magento-root-dir is there.";
"Remove it: components are registered by registration.php.";

COMPOSER_SOURCE = "composer-source", Warns by ComponentDocumentation, needs Composer, at "composer.json: source, dist";
"Neither source nor dist is there.";
"Remove it: the store's repository says where the package comes from.";

DEPENDENCY_FORBIDDEN = "dependency-forbidden", Blocks by SellersGuide, needs Composer, at "composer.json: require";
"None of magento/magento-composer-installer, magento2-base, magento2-ee-base, product-community-edition and product-enterprise-edition is required.";
"Require the modules that are used (magento/framework, magento/module-…) instead.";

DEPENDENCY_WILDCARD = "dependency-wildcard", Blocks by ValidatorScript, needs Composer, at "composer.json: require";
"No package of magento is required as *.";
"Name the versions that it works with, such as ^103.0.";

DEPENDENCY_ALIAS = "dependency-alias", Blocks by SellersGuide, needs Composer, at "composer.json: require";
"No inline alias (1.0.x-dev as 1.0.0) is used.";
"Require a version that exists.";

DEPENDENCY_PHP = "dependency-php", Warns by SellersGuide, needs Listing, at "composer.json: require.php";
"The required PHP leaves in every version that the newest patches of the claimed Commerce lines support.";
"Widen require.php, or claim fewer lines in version_compatibility.";

AUTOLOAD_FILES = "autoload-files", Blocks by ValidatorScript, needs Composer, at "composer.json: autoload.files";
"autoload.files names registration.php (a metapackage needs none).";
"Add \"files\": [\"registration.php\"] to autoload.";

AUTOLOAD_NAMESPACE = "autoload-namespace", Blocks by ValidatorScript, needs Composer, at "composer.json: autoload.psr-4";
"autoload.psr-4 of a module declares a namespace.";
"Add \"psr-4\": {\"Vendor\\\\Module\\\\\": \"\"} to autoload.";

AUTOLOAD_NAMESPACE_NEEDLESS = "autoload-namespace-needless", Warns by SellersGuide, needs Composer, at "composer.json: autoload.psr-4";
"A theme and a language package declare no namespace.";
"Remove psr-4 from autoload.";

AUTOLOAD_SOURCE_FOLDER = "autoload-source-folder", Warns by ValidatorScript, needs Composer, at "composer.json: autoload";
"The code lies in the package's own folder (of one of its namespaces, or of the first loaded file), not in one inside such as src/.";
"Move the code up, or see whether the store takes it: its published script refuses other folders, and nobody says whether the store still runs it so.";

METAPACKAGE_REQUIRE = "metapackage-require", Blocks by ValidatorScript, needs Composer, at "composer.json: require";
"A metapackage requires at least one package.";
"Require the packages that it stands for.";
}
