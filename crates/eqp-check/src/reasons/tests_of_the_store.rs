//! Reasons of the store's automated tests: the malware scan, the copy-paste detector, the installation and Varnish.

catalogue! { TESTS =

"malware", tool "malware", words ["malware", "virus", "infected"];
"The malware scan has found a suspicious file.";
"Compare the archive with your sources. If they are the same, remove obfuscated or encoded code, or ask Marketplace support which file it is.";

"copied-code", tool "phpcpd", words ["clone", "duplicat", "copied", "copy"];
"Too much of the code is the same as that of Commerce or of another product.";
"Extend or configure the original instead of copying it, or credit its authors if its license permits a copy.";

"page-not-cached", tool "varnish", found by "layout-uncacheable", words ["stays miss", "hit was expected", "expected hit", "not cached", "cacheable"];
"A page that Varnish has to cache was not cached.";
"Remove cacheable=\"false\" from view/frontend/layout, and load private content with customer data or AJAX.";

"page-not-purged", tool "varnish", words ["not purged", "purge", "stays hit", "miss was expected", "x-magento-tags"];
"A cached page was not purged after a product had changed.";
"Let blocks that show an entity implement \\Magento\\Framework\\DataObject\\IdentityInterface.";

"not-installable", tool "varnish", words ["composer require", "composer update", "could not be resolved", "your requirements"];
"Composer cannot install the package with a claimed Commerce version, edition or PHP version.";
"Install it with the newest patch of each claimed version, and correct require or version_compatibility.";

"setup-upgrade-fails", tool "varnish", words ["setup:upgrade", "schema", "patch apply"];
"bin/magento setup:upgrade fails with the package installed.";
"Run it on a clean installation of the version in the report, and read var/log and the output of the command.";

"compilation-fails", tool "varnish", words ["setup:di:compile", "di:compile"];
"bin/magento setup:di:compile fails with the package installed.";
"Run it with each claimed version. Common causes are a missing class or a constructor that differs from its parent.";

"deployment-fails", tool "varnish", words ["static-content:deploy", "static content"];
"bin/magento setup:static-content:deploy fails with the package installed.";
"Run it with -f for every locale and theme that the package supports. Common causes are errors in LESS or in templates.";
}
