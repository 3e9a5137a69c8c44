//! The table of all rules. One row: variant, code, name, level, what it means, why it matters, what to do.
//!
//! Codes and names are stable: reports and scripts hold them. A new rule takes the next free code of its family.

use super::{
    DASHED_FOLDERS, Entry, Family, KIBANA, LOSS, NOTE, OUTSIDE_PACKAGES, POLICY, QUARANTINE, REFUSAL, SIGNATURE,
    VALIDATION, WARNING,
};

rules! {
    "Configuration" {
        Configuration C001 "configuration" REFUSAL
            "The configuration file has a mistake."
            "Nothing is built from a configuration that is not understood as a whole."
            "compare it with epr-build.sample.yml";
    }
    "Layers: finding packages" {
        MissingLayerPath L001 "missing-layer-path" WARNING
            "A layer without `paths` has no folder."
            "The layer is built as if it were empty, which it may be when all its packages are promoted. A path that stands in the configuration must exist."
            "create it, or name the folder of all layers with --packages";
        NotALayerPath L002 "not-a-layer-path" WARNING
            "A path of a layer is neither a folder nor a zip."
            "Nothing can be found in it."
            "name a folder";
        EmptyLayerPath L003 "empty-layer-path" WARNING
            "A path of a layer holds no packages."
            "It is often the wrong folder: one level too high or too low."
            "packages lie in `<anything>/<version>`, or are zips";
        FoldersTooDeep L004 "folders-too-deep" WARNING
            "Folders of a layer are nested too deeply to be searched."
            "Packages further down are not found."
            "move the packages further up";
        NotAVersionFolder L005 "not-a-version-folder" WARNING
            "Something lies where version folders, zips and signatures are expected."
            "It is not published. A folder may be a package with a misspelt version."
            "rename or remove it";
        SymlinkSkipped L006 "symlink-skipped" WARNING
            "A symbolic link lies where a version folder, a zip or a signature is expected."
            "Links are not followed: they could publish any file of this machine."
            "replace it by what it points to";
        ZipInGit L007 "zip-in-git" WARNING
            "A zip lies in a layer that is a git branch."
            "In a repository packages are folders, so the zip is not published."
            "unpack it, or put it into a layer that is a folder";
        SignatureNotAFile L008 "signature-not-a-file" QUARANTINE
            "The signature beside a package is not a regular file."
            "Kibana could not download it, and would refuse the package."
            "replace or remove the `.sig` beside the package";
        MissingSignature L009 "missing-signature" QUARANTINE
            "A package without a signature lies in a layer that requires signatures."
            "Kibana can only verify a package that has one."
            "put the detached signature beside the package, or set `signatures: pass` for the layer";
        Duplicate L010 "duplicate" QUARANTINE
            "A layer holds the same version of a package twice."
            "The first one found is published. Which one was meant is not known."
            "remove one of the two";
        EqualDuplicate L011 "equal-duplicate" NOTE
            "A layer holds the same version of a package twice, with equal files."
            "Both are the same package, so one of them is published: a zip before a folder, as it is found first."
            "remove one of the two, unless a program puts both there";
        PassedOver L012 "passed-over" NOTE
            "A layer has hidden folders, or folders that other programs keep in it, such as `lost+found` or `@eaDir`."
            "Packages are not searched in them: what lies in a trash or a snapshot is not meant to be published."
            "to publish what lies in one of them, name it in `paths` of the layer";
        OtherArchive L013 "other-archive" WARNING
            "A file in a layer looks like an archive, but its name does not end with `.zip`."
            "It is not published. It may be a package under the name of a second download or of another system."
            "rename it if it is the zip of a package, else remove it";
        SignatureNotArmored L014 "signature-not-armored" SIGNATURE
            "The signature beside a package cannot be read as an armored OpenPGP signature."
            "Kibana cannot read it, and refuses the package where it verifies signatures."
            "make it again, for example with `gpg --armor --detach-sign`";
        SignatureTooLarge L015 "signature-too-large" QUARANTINE
            "The signature beside a package is larger than 64 KiB."
            "No signature is. Such a file is not read."
            "replace or remove the `.sig` beside the package";
    }
    "Signatures" {
        BadSignature S001 "bad-signature" SIGNATURE
            "The signature beside a package is not a good one over its zip."
            "Kibana refuses the package where it verifies signatures. Mostly the package was changed after it had been signed."
            "put back the package that was signed, sign this one, or remove the `.sig`";
        SignatureByOtherKey S002 "signature-by-other-key" SIGNATURE
            "The signature of a package is by none of the layer's keys."
            "Somebody else has signed the package, or its key was replaced. A Kibana that knows only the layer's key refuses it."
            "if the key has changed, put the new one beside the old one in `keys` of the layer";
        WeakSignature S003 "weak-signature" SIGNATURE
            "The signature of a package rests on cryptography that Kibana does not accept, such as SHA-1."
            "Kibana refuses the package where it verifies signatures, although `gpg` may accept it."
            "sign the package again with SHA-512 and a key of RSA with at least 2048 bits, or Ed25519";
        SignaturesNotVerified S004 "signatures-not-verified" WARNING
            "A layer requires signatures and names no keys."
            "Only that there is a signature was checked, and not whether it is one of the package."
            "add `keys` to the layer: `elastic`, or files of public keys";
        NotSigned S005 "not-signed" REFUSAL
            "Packages of a layer with `signatures: sign` have no good signature by a key of the layer."
            "Builds make no signatures, so that they need no private key. Nothing is built until all are there."
            "run `epr-build keys sign`";
        MixedSigningKeys S006 "mixed-signing-keys" WARNING
            "A distribution publishes signatures by more than one key."
            "A Kibana knows one key, and refuses packages that another one has signed."
            "publish the packages of the other keys unsigned (`signatures: strip`), or sign all by one key (`signatures: sign`)";
    }
    "Overrides" {
        UnmatchedOverride O001 "unmatched-override" WARNING
            "An override of a layer meets none of its versions."
            "It changes nothing: a name or version is misspelt, so that what it should hide is offered still, or the version is gone. Builds go on, because an override that waits for a version must not keep everything else from being published."
            "correct `package` and `versions`, or remove the override";
        ContradictoryOverrides O002 "contradictory-overrides" REFUSAL
            "Two overrides of a layer say different things of one version."
            "Which of them is meant is not known."
            "narrow `package` or `versions` of one of the two, or remove it";
        ShadowedOverride O003 "shadowed-override" WARNING
            "An override does not reach versions that a layer further up holds as well."
            "The distribution takes them from the upper layer, whose own overrides count: what should be hidden is offered still."
            "give the upper layer the same override, or take the version out of it";
        UnreadableNotices O004 "unreadable-notices" WARNING
            "What a mirror carries along of deprecated names cannot be read, as a whole or in part."
            "Versions may look sound of which the upstream says that they are deprecated, because the version that says so is not held."
            "remove the file, and run `epr-build mirror`, which writes it anew";
        HiddenPackage O005 "hidden-package" WARNING
            "Overrides hide every version of a package."
            "No Kibana is offered it, and one that has it installed cannot install it again: before that it asks for a version that it is offered."
            "leave a version that is offered, or take the package out of its layer";
        AbsentReplacement O006 "absent-replacement" WARNING
            "An override names a package in `replaced_by` that the distribution does not have."
            "Kibana sends people to a package that they do not find there: the name is misspelt, or the package is in no layer."
            "correct `replaced_by`, or add the package to a layer";
    }
    "Package files: names, kinds and sizes" {
        Unreadable F001 "unreadable" QUARANTINE
            "A file or folder cannot be read."
            "A package is published whole or not at all."
            "check its permissions, and that nothing changes it during the build";
        MachineExhausted F002 "machine-exhausted" QUARANTINE
            "The machine has run out of memory or open files."
            "The run stops. The package may be sound, and would be missing from the site."
            "close other programs, or raise the limit of open files (`ulimit -n`)";
        ChangedWhileReading F003 "changed-while-reading" QUARANTINE
            "A file changed while it was read."
            "What is published must be what was checked."
            "build again when the package is complete";
        UnsafePath F004 "unsafe-path" QUARANTINE
            "A path is absolute, or has an empty, `.` or `..` component."
            "Unpacking it could write outside of the package."
            "rename it";
        UnsafeName F005 "unsafe-name" QUARANTINE
            "A name cannot be part of a path, an address and a zip alike."
            "Programs would disagree about which file is meant."
            "rename it";
        PathTooLong F006 "path-too-long" QUARANTINE
            "A path or a name is longer, or nested deeper, than the limits allow."
            "Not every file system could hold it."
            "shorten the path or raise the limit";
        TooManyEntries F007 "too-many-entries" QUARANTINE
            "A package has more files and folders than the limit."
            "It could exhaust the machines that unpack it."
            "make the package smaller or raise the limit";
        FileTooLarge F008 "file-too-large" QUARANTINE
            "A file is larger than the limit."
            "It could exhaust the machines that unpack it."
            "make the package smaller or raise the limit";
        PackageTooLarge F009 "package-too-large" QUARANTINE
            "A package is larger than the limit."
            "It could exhaust the machines that unpack it."
            "make the package smaller or raise the limit";
        ArchiveTooLarge F010 "too-large" QUARANTINE
            "A package does not fit into a zip."
            "Packages are published as zips of at most 4 GiB and 65,535 members."
            "split the package";
        SpecialFile F011 "special-file" QUARANTINE
            "Something in the package is neither a file nor a folder."
            "Devices, sockets and the like cannot be published."
            "remove it";
        DanglingSymlink F012 "dangling-symlink" QUARANTINE
            "A symbolic link points to nothing."
            "The file that it stands for is missing."
            "replace the link by what it should point to";
        SymlinkEscapes F013 "symlink-escapes" QUARANTINE
            "A symbolic link leaves the package."
            "Publishing it could publish any file of this machine."
            "replace the link by what it should point to";
        SymlinkLoop F014 "symlink-loop" QUARANTINE
            "A symbolic link leads to itself or to a folder that it lies in."
            "Following it would never end."
            "replace the link by what it should point to";
        SymlinkToFolder F015 "symlink-to-folder" WARNING
            "A symbolic link points to a folder of the package."
            "The files below it are published where they lie, but not below the link."
            "replace the link by what it should point to";
        DashInFolderName F016 "dash-in-folder-name" DASHED_FOLDERS
            "The name of a folder has a dash."
            "The registry refuses such a package."
            "rename the folder, for example with `_`";
        MissingReadme F017 "missing-readme" QUARANTINE
            "The package has no `docs/README.md`."
            "Kibana shows it as the description of the integration, and the registry requires it."
            "write `docs/README.md`";
        ReadmeIsFolder F018 "readme-is-folder" QUARANTINE
            "A folder lies where a readme is expected."
            "The readme could not be shown."
            "replace the folder by a Markdown file";
        MissingImage F019 "missing-image" VALIDATION
            "An icon or a screenshot that the manifest names does not exist."
            "Kibana shows a broken picture."
            "name a file of the package, as a path from its root";
    }
    "Zips" {
        NotAZip Z001 "not-a-zip" OUTSIDE_PACKAGES
            "A file that ends with `.zip` cannot be opened as a zip."
            "It is left out, as the registry does. It is often a download that was cut short, or a page that says why it failed."
            "remove it, or fetch or build it again";
        ZipDamaged Z002 "zip-damaged" QUARANTINE
            "A zip contradicts itself."
            "Programs that unpack it would get different files."
            "build the zip again";
        ZipWithoutRoot Z003 "zip-without-root" QUARANTINE
            "No member of the zip is called `<folder>/manifest.yml`."
            "The folder of the package inside the zip is not known."
            "pack the files into one folder called `<name>-<version>`";
        ZipOutsideRoot Z004 "zip-outside-root" KIBANA
            "A member of the zip lies outside of the folder of the package."
            "The registry ignores it, but Kibana refuses to install such a package."
            "pack everything into one folder";
        ZipDuplicateMember Z005 "zip-duplicate-member" QUARANTINE
            "Two members of the zip have the same name."
            "Programs that unpack it would get different files."
            "remove one of them";
        ZipAmbiguousMember Z006 "zip-ambiguous-member" QUARANTINE
            "The two headers of a member of the zip contradict each other, or need what not every program can do, or it is not counted as a member."
            "Programs that unpack it would get different files."
            "build the zip again";
        ZipFileAndFolder Z007 "zip-file-and-folder" QUARANTINE
            "A path in the zip is both a file and a folder."
            "What is unpacked would depend on the order."
            "rename one of them";
        ZipSymlink Z008 "zip-symlink" QUARANTINE
            "A member of the zip is a symbolic link."
            "Programs that unpack it could write outside of the package."
            "pack the link's target instead";
        ZipEncrypted Z009 "zip-encrypted" QUARANTINE
            "A member of the zip is encrypted."
            "Nobody who downloads the package has the password."
            "pack it without a password";
        ZipMethod Z010 "zip-method" QUARANTINE
            "A member of the zip is compressed by a method other than deflate."
            "Kibana cannot unpack it."
            "store or deflate it";
        ZipBomb Z011 "zip-bomb" QUARANTINE
            "The zip unpacks to many times its size."
            "It could exhaust the machines that unpack it."
            "pack real content or raise the limit";
        ZipStrayBytes Z012 "zip-stray-bytes" QUARANTINE
            "The zip has bytes before, between or after its members, or behind the compressed content of one, that belong to nothing."
            "Some programs would find other members or other contents in them."
            "build the zip again";
    }
    "YAML" {
        YamlSyntax Y001 "yaml-syntax" QUARANTINE
            "The file is not valid YAML."
            "The registry cannot read it."
            "correct the YAML";
        YamlTopLevel Y002 "yaml-top-level" QUARANTINE
            "The file holds a single value instead of a mapping."
            "The registry cannot read it."
            "write `key: value` pairs";
        YamlKey Y003 "yaml-key" QUARANTINE
            "A key of a mapping is not text."
            "The registry cannot read it."
            "write the key as text, in quotes if need be";
        YamlConflict Y004 "yaml-conflict" QUARANTINE
            "Two spellings of a key contradict each other, for example `a.b: 1` and `a: 2`."
            "The registry refuses such a file."
            "write the key once";
        YamlNegativeIndex Y005 "yaml-negative-index" QUARANTINE
            "A part of a dotted key is a negative number."
            "Numbers in keys are positions in lists. No list has a negative one."
            "rename the key";
        YamlLimit Y006 "yaml-limit" QUARANTINE
            "The file is too large, too deep, or grows too much through aliases."
            "It could exhaust the machine."
            "make the file smaller";
        YamlOddity Y007 "yaml-oddity" WARNING
            "The file says something twice, and one of the two is ignored."
            "The registry reads it too, but perhaps not as it was meant."
            "write each key once";
    }
    "Manifest" {
        UnreadableManifest M001 "unreadable-manifest" QUARANTINE
            "A `manifest.yml` is missing or cannot be read."
            "Nothing is known of a package or data stream without it."
            "every package and every data stream needs a readable `manifest.yml`";
        MissingField M002 "missing-field" QUARANTINE
            "A required field is absent or empty."
            "The registry refuses such a package."
            "give it a value that is not empty";
        WrongType M003 "wrong-type" QUARANTINE
            "A field has a value of the wrong type."
            "The registry refuses such a package."
            "write a value of the expected type";
        NotAJsonNumber M004 "not-a-json-number" QUARANTINE
            "A number is infinite or not a number."
            "Answers are JSON, which cannot express it."
            "write a finite number, or put the value in quotes";
        IgnoredField M005 "ignored-field" WARNING
            "A field is set that packages do not have."
            "The registry would read it by accident. It is ignored here."
            "remove the field";
        DataStreamsInManifest M006 "data-streams-in-manifest" QUARANTINE
            "The manifest of the package lists data streams."
            "The registry refuses such a package."
            "describe each one in `data_stream/<name>/manifest.yml`";
        NameTooLong M007 "name-too-long" QUARANTINE
            "The name and version of the package are too long for a file name."
            "The package is published as `<name>-<version>.zip`."
            "use a shorter name or version";
        MissingTitle M008 "missing-title" VALIDATION
            "The package has no title."
            "Kibana lists packages by their titles, and refuses to install one that has no `title` at all."
            "give the package a `title`";
        MissingDescription M009 "missing-description" VALIDATION
            "The package has no description."
            "Kibana shows it beside the title, and refuses to install a package that has no `description` at all."
            "describe the package";
        InvalidVersion M010 "invalid-version" QUARANTINE
            "The version of the package is not a semantic version."
            "Versions are compared, so each must have a place in their order."
            "write three numbers, for example `1.2.3` or `1.2.3-beta.1`";
        MissingFormatVersion M011 "missing-format-version" QUARANTINE
            "The package has no `format_version`."
            "Kibana asks only for packages of the formats that it can read."
            "write the version of the package specification, for example `3.4.0`";
        InvalidFormatVersion M012 "invalid-format-version" QUARANTINE
            "The `format_version` is not a semantic version."
            "Kibana asks only for packages of the formats that it can read."
            "write the version of the package specification, for example `3.4.0`";
        InvalidConstraint M013 "invalid-constraint" QUARANTINE
            "A range of versions of Kibana or Elastic Agent cannot be understood."
            "It decides who gets the package."
            "write a range in quotes, for example `\"^8.12.0 || ^9.0.0\"`";
        InvalidRelease M014 "invalid-release" QUARANTINE
            "The `release` is none of the known words."
            "The registry refuses such a package."
            "write `experimental`, `beta` or `ga`, or leave it out";
        InvalidAgentlessRelease M015 "invalid-agentless-release" QUARANTINE
            "The agentless `release` of a policy template is none of the known words."
            "The registry refuses such a package."
            "write `beta` or `ga`, or leave it out";
        InputTypeOrPackage M016 "input-type-or-package" VALIDATION
            "An input of a policy template has neither `type` nor `package`, or both."
            "Kibana does not know which input to set up."
            "give the input either `type` or `package`";
        VersionDiffersFromFolder M017 "version-differs-from-folder" VALIDATION
            "The manifest and the name of the version folder disagree."
            "The manifest counts, so the package is published under another version than its folder says."
            "rename the folder, or correct the version";
        UnknownCategory M018 "unknown-category" WARNING
            "A category of the package is not one that the registry knows."
            "The registry drops it, so nobody finds the package by it."
            "write one of the ids that `/categories` of a registry lists, or `custom`";
    }
    "Data streams" {
        DashInDataset D001 "dash-in-dataset" VALIDATION
            "The dataset of a data stream has a dash."
            "Elasticsearch separates the parts of a data stream's name by dashes."
            "use `_` instead";
        InvalidType D002 "invalid-type" VALIDATION
            "The type of a data stream is none of the known words."
            "Elasticsearch has index templates for the known types only."
            "write `logs`, `metrics`, `synthetics` or `traces`";
        StreamInputOrPackage D003 "stream-input-or-package" VALIDATION
            "A stream has neither `input` nor `package`, or both."
            "Kibana does not know which input to set up."
            "give the stream either `input` or `package`";
        UnusedPipelines D004 "unused-pipelines" QUARANTINE
            "A data stream has ingest pipelines, but names none and none is called `default`."
            "They would never run."
            "name the pipeline in `ingest_pipeline`, or call its file `default.yml`";
        MissingPipeline D005 "missing-pipeline" VALIDATION
            "The ingest pipeline that a data stream names does not exist."
            "Documents could not be ingested."
            "add the file with the ending `.yml` or `.json`, or correct the name";
        InvalidPipeline D006 "invalid-pipeline" VALIDATION
            "An ingest pipeline is not a mapping."
            "Elasticsearch would refuse it."
            "a pipeline is a map of `description`, `processors` and the like";
        InvalidFieldsFile D007 "invalid-fields-file" VALIDATION
            "A file of fields is not a list of mappings."
            "Kibana could not make an index template from it."
            "a fields file is a list of maps, each with a `name`";
        RequiredField D008 "required-field" VALIDATION
            "A data stream does not define a field that every data stream needs."
            "Documents could not be assigned to the data stream."
            "define the field with the type that it must have";
    }
    "Kibana refuses it" {
        KibanaZipRoot K001 "kibana-zip-root" KIBANA
            "The folder in the zip is not called `<name>-<version>`."
            "Kibana compares it with the manifest before it installs the package."
            "build the zip again, with all files in one folder called `<name>-<version>`";
        KibanaMissingOwner K002 "kibana-missing-owner" KIBANA
            "The manifest of the package has no `owner`."
            "Kibana requires the key, and reads no `owner.github` in its place."
            "write `owner:` and below it `github: <organisation>/<team>` and `type: community`";
        KibanaNoDataStreamManifest K003 "kibana-no-data-stream-manifest" KIBANA
            "A folder in `data_stream` has no `manifest.yml`."
            "The registry passes over it, but to Kibana every folder there is a data stream."
            "write its `manifest.yml`, or remove the folder";
        KibanaStrayFile K004 "kibana-stray-file" KIBANA
            "A file lies directly in `data_stream`, or its path begins with that word."
            "To Kibana it is a data stream without a manifest."
            "move, rename or remove it";
        KibanaSeveralDocuments K005 "kibana-several-documents" KIBANA
            "A YAML file holds more than one document."
            "The registry reads the first one, Kibana none."
            "remove `---` or `...` and what follows it";
        KibanaEncoding K006 "kibana-encoding" KIBANA
            "A YAML file is UTF-16."
            "The registry reads it, but Kibana takes every text for UTF-8."
            "save the file as UTF-8";
        KibanaDuplicateKey K007 "kibana-duplicate-key" KIBANA
            "A mapping has a key twice."
            "To the registry the last one counts, but Kibana does not read such a file."
            "write each key once";
        KibanaYaml K008 "kibana-yaml" KIBANA
            "A YAML file is nothing that Kibana can read."
            "It reads manifests, routing rules, lifecycles and tags of assets when it installs a package."
            "correct the YAML, and use no tags such as `!name`";
        KibanaStreamField K009 "kibana-stream-field" KIBANA
            "A stream has no `input` or no `title`."
            "Kibana requires both."
            "give each stream `input` and `title`";
        KibanaTemplateField K010 "kibana-template-field" KIBANA
            "A policy template has no `name`, no `title` or no `description`."
            "Kibana requires all three."
            "give each policy template `name`, `title` and `description`";
        KibanaInputField K011 "kibana-input-field" KIBANA
            "An input of a policy template has no `type` or no `title`."
            "Kibana requires both."
            "give each input `type` and `title`";
        KibanaVariableField K012 "kibana-variable-field" KIBANA
            "A variable has no `name` or no `type`."
            "Kibana requires both."
            "give each variable `name` and `type`";
        KibanaEmptyElasticsearch K013 "kibana-empty-elasticsearch" KIBANA
            "The key `elasticsearch` of a data stream has no value."
            "Kibana fails when it looks into it."
            "remove the key, or give it a mapping";
        KibanaFileTooLarge K014 "kibana-file-too-large" KIBANA
            "A file is larger than 4 MiB, or 3 MiB if it is no text."
            "Kibana keeps every file in Elasticsearch, where more does not fit. Paths with `ml_model` may have 50 MiB."
            "make the file smaller";
        KibanaZipName K015 "kibana-zip-name" KIBANA
            "A name in the zip is not ASCII and not marked as UTF-8, or begins with a drive such as `c:`."
            "The registry takes it as it is. Kibana takes the first kind for text of another encoding and refuses the second."
            "build the zip again with a program that marks names as UTF-8, or rename the file";
    }
    "Distributions: what is required and selected" {
        UnmetRequirement R001 "unmet-requirement" WARNING
            "A package requires versions of another package (`requires.content`), and the distribution has no release among them."
            "A Kibana that installs what packages require refuses to install the package. Pre-releases do not count: Kibana does not take them for it."
            "add a version that meets it to one of the layers";
        SelectionNarrows R002 "selection-narrows" REFUSAL
            "The selection of a distribution leaves out more than half of the versions that are in use, or all."
            "A selection that was written in haste must not empty a registry that is in use. What is missing Kibana can no longer reinstall."
            "`epr-build select NAME` shows what the selection gives and why; `--accept-loss` goes on with it";
        SelectionMistake R003 "selection-mistake" REFUSAL
            "A rule of a distribution's selection takes nothing."
            "It is mostly misspelt, and what was meant would be missing without a word."
            "correct the rule in `selections`; `epr-build select NAME` tries it";
    }
    "Published versions" {
        ChangedVersion V001 "changed-version" POLICY
            "A published version would get other content."
            "Whoever installed it has something else than whoever installs it next."
            "publish the change as a new version";
        RemovedVersion V002 "removed-version" POLICY
            "A published version would be gone, or come from a layer further down."
            "Kibana can no longer reinstall or roll back to it."
            "put it back";
        DiffersBelow V003 "differs-below" POLICY
            "A layer further down holds the version with other content."
            "What a client gets depends on the distribution that it asks."
            "remove one of the two, or give the changed package a new version";
        DiffersAbove V004 "differs-above" REFUSAL
            "The target of a promotion holds the version with other content."
            "A promotion must not change what is published."
            "remove one of the two, or give the changed package a new version";
        UnknownBase V005 "unknown-base" WARNING
            "The generation in use is damaged, so the build was not compared with it."
            "Policies could not be applied to this build."
            "compare with a good generation: `epr-build check --against`";
        LostVersions V006 "lost-versions" LOSS
            "A layer has lost versions: all of them, or so many that it looks like a slip."
            "A folder that is not mounted, or the wrong one, must not empty a registry that is in use."
            "see that the paths of the layer are mounted and right; `epr-build remove` takes versions out for good; `--accept-loss` goes on without them";
        NoVersions V007 "no-versions" REFUSAL
            "A distribution would have no version at all."
            "It is almost always the wrong folder: one level too high or too low."
            "packages lie in `<layer>/<anything>/<version>`, or are zips; `--accept-loss` makes an empty registry";
        PrefixChanged V008 "prefix-changed" WARNING
            "The registry lies below another `prefix` than in the generation in use."
            "Every Kibana asks at the address that it was given, and gets nothing there."
            "if that is meant, change `xpack.fleet.registryUrl` of every Kibana; otherwise build with the same configuration as before";
    }
    "Changing layers" {
        Absent E001 "absent" REFUSAL
            "A layer does not hold the version that is to be promoted or removed."
            "There is nothing to work on."
            "packages are found by the names of their folders and zips; look for the version there";
        Nested E002 "nested" REFUSAL
            "The version lies inside another package."
            "Moving it would change the package around it."
            "move it out of there first";
        PlaceTaken E003 "place-taken" REFUSAL
            "Something else lies where the package belongs."
            "Nothing is ever overwritten."
            "remove what lies there";
    }
}
