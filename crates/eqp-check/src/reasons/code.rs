//! Reasons of the code sniffer, by the names of the standard's rules. Older reports have names that begin with `MEQP2`.

catalogue! { CODE =

"eval", tool "phpcs", found by "code-sniffer", words ["php.eval", "languageconstruct.evalconstruct", "use of eval"];
"The code runs a text as PHP with eval().";
"Replace eval() with a class, a factory or a configured callback. Data from a request must never be run.";

"superglobal", tool "phpcs", found by "code-sniffer", words ["superglobal"];
"The code reads $_GET, $_POST or another superglobal variable directly.";
"Use \\Magento\\Framework\\App\\RequestInterface.";

"exit", tool "phpcs", found by "code-sniffer", words ["languageconstruct.exitusage", "security.languageconstruct", "exit language construct"];
"The code uses a construct that ends the process or prints directly, such as exit, die, backticks or print.";
"Return a result object from the controller, or throw an exception.";

"insecure-function", tool "phpcs", found by "code-sniffer", words ["insecurefunction", "use of unserialize", "use of md5"];
"The code calls a function that is not safe, such as unserialize(), md5(), exec() or assert().";
"Use the class of the framework that the message names, such as \\Magento\\Framework\\Serialize\\Serializer\\Json.";

"include-file", tool "phpcs", found by "code-sniffer", words ["security.includefile", "include statement"];
"The code includes a file from a path that can change.";
"Let Composer load classes, and read other files with \\Magento\\Framework\\Filesystem.";

"raw-sql", tool "phpcs", found by "code-sniffer", words ["sql.rawquery", "raw sql"];
"The code contains an SQL statement as text.";
"Use a resource model, or the methods of \\Magento\\Framework\\DB\\Adapter\\AdapterInterface with bound values.";

"unescaped-output", tool "phpcs", found by "code-sniffer", words ["xsstemplate", "unescaped output"];
"A template prints a value without escaping it.";
"Use $escaper->escapeHtml(), escapeHtmlAttr(), escapeUrl() or escapeJs(), depending on where the value is printed.";

"this-in-template", tool "phpcs", found by "code-sniffer", words ["thisintemplate"];
"A template uses $this or a helper through it.";
"Use $block, and move logic into a view model.";

"discouraged-function", tool "phpcs", found by "code-sniffer", words ["functions.discouragedfunction", "discouragedfunction"];
"The code calls a PHP function for which the framework has a class, such as file_get_contents() or curl_init().";
"Use the class that the message names.";

"object-manager", tool "phpcs", found by "code-sniffer", words ["objectmanager", "classes.objectinstantiation"];
"The code creates objects directly, or with the object manager.";
"Add the class or its factory to the constructor.";

"php-version", tool "phpcs", found by "code-sniffer", words ["phpcompatibility"];
"The code uses a feature that a supported version of PHP does not have, or no longer has.";
"Replace it, or claim only the Commerce versions whose PHP versions have it.";

"reserved-word", tool "phpcs", found by "code-sniffer", words ["reservedwords", "reserved word"];
"A class, namespace or constant has the name of a reserved word of PHP.";
"Rename it.";

"empty-catch", tool "phpcs", found by "code-sniffer", words ["catchwithoutexception", "codeanalysis.emptyblock", "emptystatement.detectedcatch"];
"A block that handles an exception is empty.";
"Log the exception with \\Psr\\Log\\LoggerInterface, or let it pass on.";

"direct-throw", tool "phpcs", found by "code-sniffer", words ["exceptions.directthrow", "directthrow"];
"The code throws \\Exception itself.";
"Throw a class that describes the problem, such as \\Magento\\Framework\\Exception\\LocalizedException.";

"strict-types-syntax", tool "phpcs", found by "code-sniffer", words ["php.syntax", "internal.exception", "parse error"];
"A file is not valid PHP for a supported version.";
"Run php -l on the file with every PHP version of the claimed Commerce versions.";

"obsolete-code", tool "phpcs", found by "code-sniffer", words ["magento2.legacy", "obsolete"];
"The code uses a class, method, layout or configuration that Commerce has removed.";
"Use the replacement that the message names.";

"other-sniff", tool "phpcs", found by "code-sniffer", words ["magento2.", "meqp2.", "meqp1.", "squiz.", "generic.", "psr"];
"The code violates a rule of the Magento coding standard with severity 10.";
"Fix the line as the message says. Comments such as phpcs:ignore have no effect.";
}
