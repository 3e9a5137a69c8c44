//! `epr-build init`.

mod text;

use super::common::Exit;
use super::common::print::print;
use super::common::talk::say;
use crate::answers::kibana;
use crate::base::fs;
use crate::config::file;
use crate::input::image::is_image;
use crate::openpgp::KeyRing;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use text::{ELASTIC, InUse, Origin, Start};

const EXAMPLES: &str = "\
Examples:
  epr-build init
  epr-build init --yes --kibana 8.19.5 --kibana 9.1.0 --contact ops@example.org
  epr-build init --yes --image epr.tar
  epr-build init --yes --upstream http://127.0.0.1:9000 --in-house /srv/own --in-house-key our-key.asc

At a terminal it asks for what the options leave open; --yes takes the defaults. It asks no network. Files that it is told of must \
be there: a name that is misspelt would show only much later.";

/// Write a first configuration file, and say what to do next
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Registry to copy packages from [default: that of Elastic, epr.elastic.co]
    #[arg(long, value_name = "URL", conflicts_with_all = ["image", "no_upstream"])]
    upstream: Option<String>,
    /// Container image to read packages from: a file that `docker save` wrote, or a folder in the layout of OCI
    #[arg(long, value_name = "FILE", conflicts_with = "no_upstream")]
    image: Option<String>,
    /// Only packages of your own
    #[arg(long)]
    no_upstream: bool,
    /// Public key whose signatures count: a file, or `elastic`; may be repeated [default: elastic]
    #[arg(long, value_name = "FILE|elastic", conflicts_with = "no_keys")]
    key: Vec<String>,
    /// Judge no signatures
    #[arg(long)]
    no_keys: bool,
    /// How the operator of the upstream reaches you
    #[arg(long, value_name = "MAIL|URL")]
    contact: Option<String>,
    /// Kibana in use: 8.19.5, 8.19 for all its patches, or '9.1.0 - 9.2.4'; may be repeated
    #[arg(long, value_name = "VERSION", value_parser = InUse::parse)]
    kibana: Vec<InUse>,
    /// Folder of your own packages [default: in_house]
    #[arg(long, value_name = "FOLDER", conflicts_with = "no_in_house")]
    in_house: Option<String>,
    /// No packages of your own
    #[arg(long)]
    no_in_house: bool,
    /// File with the public key by which your own packages are signed; may be repeated [default: they are not judged]
    #[arg(long, value_name = "FILE", conflicts_with = "no_in_house")]
    in_house_key: Vec<String>,
    /// Name of the distribution
    #[arg(long, value_name = "NAME", default_value = "ours")]
    name: String,
    /// File to write
    #[arg(long, value_name = "FILE", default_value = "epr-build.yml")]
    output: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
}

/// Writes the configuration file.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let shown = arguments.output.display();
    ensure!(
        arguments.force || fs::link_metadata(&arguments.output).is_err(),
        "{shown} is there already\nhint: --force replaces it, --output writes another file"
    );
    ensure!(file::is_folder_name(&arguments.name), "`{}` is no name of a distribution", arguments.name);
    let does_ask = !arguments.yes && io::stdin().is_terminal() && io::stderr().is_terminal();
    check_files(arguments, &given(arguments))?;
    let start = if does_ask { asked(arguments, &mut io::stdin().lock())? } else { given(arguments) };
    if start.origin.is_none() && start.in_house.is_none() {
        bail!("there would be no packages\nhint: leave out --no-upstream or --no-in-house");
    }
    let text = checked(&start)?;
    let place = std::path::absolute(&arguments.output).with_context(|| format!("cannot write {shown}"))?;
    fs::write_file(&place, text.as_bytes())?;
    print(&next(&start, &arguments.output))?;
    Ok(Exit::Clean)
}

/// Fails if a file that the configuration will name is not there, or is none of its kind.
fn check_files(arguments: &Arguments, start: &Start) -> Result<()> {
    if let Some(Origin::Image(image)) = &start.origin {
        check_image(arguments, image)?;
    }
    start.keys.iter().filter(|key| *key != "elastic").try_for_each(|key| check_key(arguments, "--key", key))?;
    start.in_house_keys.iter().try_for_each(|key| check_key(arguments, "--in-house-key", key))
}

/// Where a path of the configuration leads: it counts from the folder of that file.
fn place(arguments: &Arguments, path: &str) -> PathBuf {
    arguments.output.parent().unwrap_or(Path::new("")).join(path)
}

fn check_image(arguments: &Arguments, image: &str) -> Result<()> {
    let place = place(arguments, image);
    let save = "`docker save -o epr.tar IMAGE` writes one";
    ensure!(
        place.exists(),
        "there is no image {}\nhint: {save}; --image counts from the folder of --output",
        place.display()
    );
    ensure!(is_image(&place), "{} is no container image\nhint: {save}; so do podman and skopeo", place.display());
    Ok(())
}

fn check_key(arguments: &Arguments, option: &str, key: &str) -> Result<()> {
    let place = place(arguments, key);
    let hint = "`gpg --export --armor KEY` writes a public key";
    let counts = "counts from the folder of --output";
    ensure!(place.is_file(), "there is no key {}\nhint: {hint}; {option} {counts}", place.display());
    let read = KeyRing::default().add(&fs::read(&place)?);
    read.map(drop).with_context(|| format!("{} holds no public key\nhint: {hint}", place.display()))
}

/// What the options say, and the defaults for what they leave open.
fn given(arguments: &Arguments) -> Start {
    let upstream = || Origin::Upstream(arguments.upstream.clone().unwrap_or_else(|| ELASTIC.to_owned()));
    let origin = (!arguments.no_upstream).then(|| arguments.image.clone().map_or_else(upstream, Origin::Image));
    let mut keys = arguments.key.clone();
    if keys.is_empty() && !arguments.no_keys {
        keys.push("elastic".to_owned());
    }
    let folder = || arguments.in_house.clone().unwrap_or_else(|| "in_house".to_owned());
    Start {
        distribution: arguments.name.clone(),
        origin,
        keys,
        contact: arguments.contact.clone(),
        in_house: (!arguments.no_in_house).then(folder),
        in_house_keys: arguments.in_house_key.clone(),
        kibana: arguments.kibana.clone(),
    }
}

/// The same, and answers to questions for what the options leave open.
fn asked(arguments: &Arguments, input: &mut dyn BufRead) -> Result<Start> {
    let mut start = given(arguments);
    say("Enter takes what stands in brackets; `-` means none.\n")?;
    if arguments.upstream.is_none() && arguments.image.is_none() && !arguments.no_upstream {
        start.origin = ask(
            input,
            &format!("Registry to copy from, or an image that `docker save` wrote [{ELASTIC}]"),
            |answer| {
                let origin = match answer {
                    "" => Some(Origin::Upstream(ELASTIC.to_owned())),
                    "-" => None,
                    url if url.contains("://") => Some(Origin::Upstream(url.to_owned())),
                    path if place(arguments, path).exists() => {
                        check_image(arguments, path)?;
                        Some(Origin::Image(path.to_owned()))
                    }
                    path => bail!("{path} is no address (https://…), and no such file is there"),
                };
                checked(&Start { origin: origin.clone(), in_house: Some("x".to_owned()), ..given(arguments) })?;
                Ok(origin)
            },
        )?;
    }
    let origin = start.origin.clone();
    if matches!(origin, Some(Origin::Upstream(_))) && arguments.contact.is_none() {
        start.contact = ask(input, "How its operator reaches you, such as a mail address [-]", |answer| {
            let contact = Some(answer.to_owned()).filter(|answer| !matches!(answer.as_str(), "" | "-"));
            checked(&Start { contact: contact.clone(), origin: origin.clone(), ..given(arguments) })?;
            Ok(contact)
        })?;
    }
    if arguments.kibana.is_empty() {
        start.kibana =
            ask(input, "Kibanas in use, such as 8.19.5, 9.1 (all its patches), 9.2.0 - 9.2.4 [-]", |answer| {
                let words = answer.split(',').map(str::trim).filter(|word| !matches!(*word, "" | "-"));
                words.map(|word| InUse::parse(word).map_err(anyhow::Error::msg)).collect()
            })?;
    }
    if arguments.in_house.is_none() && !arguments.no_in_house {
        start.in_house = ask(input, "Folder of your own packages [in_house]", |answer| {
            Ok(match answer {
                "-" => None,
                "" => Some("in_house".to_owned()),
                folder => Some(folder.to_owned()),
            })
        })?;
    }
    if start.in_house.is_some() && arguments.in_house_key.is_empty() {
        let question = "File with the public key that signs your own packages; without one they are not judged [-]";
        start.in_house_keys = ask(input, question, |answer| {
            let key = Some(answer.to_owned()).filter(|answer| !matches!(answer.as_str(), "" | "-"));
            key.iter().try_for_each(|key| check_key(arguments, "the answer", key))?;
            Ok(key.into_iter().collect())
        })?;
    }
    Ok(start)
}

/// Asks until the answer is right.
fn ask<T>(input: &mut dyn BufRead, question: &str, read: impl Fn(&str) -> Result<T>) -> Result<T> {
    loop {
        say(&format!("{question}: "))?;
        let mut line = String::new();
        ensure!(
            input.read_line(&mut line).context("cannot read an answer")? > 0,
            "the answers ended\nhint: --yes asks nothing"
        );
        match read(line.trim()) {
            Ok(answer) => return Ok(answer),
            Err(error) => say(&format!("{error:#}\n"))?,
        }
    }
}

/// The text, which is a configuration without mistakes.
fn checked(start: &Start) -> Result<String> {
    let text = text::text(start);
    match file::parse(text.as_bytes(), Path::new("epr-build.yml")) {
        Ok(_) => Ok(text),
        Err(mistakes) => bail!("{mistakes}"),
    }
}

/// What to do next.
fn next(start: &Start, output: &Path) -> String {
    let config = match output == Path::new("epr-build.yml") {
        true => String::new(),
        false => format!(" --config {}", output.display()),
    };
    let name = &start.distribution;
    let kibana = start
        .kibana
        .iter()
        .map(|one| one.range.first)
        .max()
        .map_or(String::new(), |version| format!(" --kibana {}", kibana::version_text(version)));
    let mut text = format!("{} is written. Next:\n", output.display());
    let mut line = |command: String, meaning: &str| text += &format!("  {command}\n      {meaning}\n");
    if let Some(Origin::Upstream(url)) = &start.origin {
        line(
            format!("epr-build mirror{config}"),
            &format!("copies the packages of {url}, which must be reachable; with --dry-run says how many"),
        );
    }
    line(
        format!("epr-build --dist {name}{config}"),
        "builds the registry into out/; needs no network, as all that follows",
    );
    line(
        format!("epr-build serve --dist {name} --listen 0.0.0.0:8080"),
        &format!(
            "serves it at port 8080 of every address; or `epr-build bundle --dist {name}` packs it into a file to carry"
        ),
    );
    line(
        format!("epr-build kibana-config --url http://HOST:8080{kibana}"),
        "prints the lines for kibana.yml; HOST is this machine as Kibana reaches it",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Origin, asked, next};
    use clap::Parser;
    use std::path::Path;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn arguments(words: &[&str]) -> Arguments {
        Line::try_parse_from(["init"].iter().chain(words)).unwrap().arguments
    }

    /// Wrong answers are asked again; what options say is not asked.
    #[test]
    fn answers_fill_what_options_leave_open() {
        let answers = "ftp://x\nhttps://epr.example.org\n-\n8.19.5, nonsense\n8.19.5, 9.1.0\n-\n";
        let start = asked(&arguments(&[]), &mut answers.as_bytes()).unwrap();
        assert_eq!(start.origin, Some(Origin::Upstream("https://epr.example.org".to_owned())));
        assert_eq!((start.contact, start.in_house.as_deref(), start.kibana.len()), (None, None, 2));
        let start = asked(
            &arguments(&["--upstream", "http://a", "--contact", "me", "--kibana", "9.0.0"]),
            &mut "own\nno-such-key.asc\nCargo.toml\ntests/fixtures/mirror/trusted.asc\n".as_bytes(),
        );
        let start = start.unwrap();
        assert_eq!(start.in_house.as_deref(), Some("own"));
        assert_eq!(start.in_house_keys, ["tests/fixtures/mirror/trusted.asc"]);
        assert!(asked(&arguments(&[]), &mut "\n".as_bytes()).is_err_and(|error| error.to_string().contains("--yes")));
    }

    /// What the configuration would name in vain is said before it is written.
    #[test]
    fn files_that_are_not_there_are_said() {
        for (words, part) in [
            (&["--image", "no-such.tar"][..], "there is no image no-such.tar\nhint: `docker save"),
            (&["--image", "Cargo.toml"], "Cargo.toml is no container image"),
            (&["--key", "no-such.asc"], "there is no key no-such.asc\nhint: `gpg --export"),
            (&["--key", "Cargo.toml"], "Cargo.toml holds no public key"),
            (&["--in-house-key", "no-such.asc"], "there is no key no-such.asc"),
            (&["--key", "mirror/trusted.asc", "--output", "tests/fixtures/epr-build.yml"], ""),
            (&["--key", "elastic"], ""),
        ] {
            let arguments = arguments(words);
            let found = super::check_files(&arguments, &super::given(&arguments));
            let found = found.map_err(|error| format!("{error:#}"));
            assert_eq!(found.is_ok(), part.is_empty(), "{words:?}: {found:?}");
            assert!(found.err().unwrap_or_default().contains(part), "{words:?}");
        }
    }

    #[test]
    fn the_hour_has_five_commands() {
        let start = super::given(&arguments(&["--kibana", "8.19.5", "--kibana", "9.1.0"]));
        let text = next(&start, Path::new("epr-build.yml"));
        assert_eq!(text.lines().filter(|line| line.starts_with("  epr-build")).count(), 4, "and `init`: {text}");
        assert!(text.contains("--kibana 9.1.0"), "{text}");
        assert!(next(&start, Path::new("x.yml")).contains("mirror --config x.yml"));
    }
}
