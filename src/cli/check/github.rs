//! Findings as workflow commands of GitHub Actions, which become annotations of files.

use crate::base::problem::Severity;
use crate::base::shown;
use crate::cli::common::located::Located;

/// One line for each finding.
pub(super) fn render(findings: &[Located]) -> String {
    findings.iter().map(line).collect()
}

fn line(Located { problem, spot }: &Located) -> String {
    let word = match problem.severity {
        Severity::Refusal | Severity::Quarantine => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let mut properties = Vec::new();
    let mut message = problem.message.clone();
    properties.extend(spot.path.as_ref().map(|path| ("file", path.clone())));
    match (&spot.path, &spot.member) {
        (Some(_), None) => {
            properties.extend(problem.place.line.map(|line| ("line", line.to_string())));
            if let Some((begin, end)) = spot.columns {
                properties.push(("col", begin.to_string()));
                properties.push(("endColumn", end.to_string()));
            }
        }
        // The annotation cannot say it.
        _ => message += &format!("\n--> {}", problem.place),
    }
    properties.push(("title", problem.rule.name().to_owned()));
    message.extend(problem.hint.iter().flat_map(|hint| ["\nhint: ", hint]));
    let properties: Vec<_> = properties.iter().map(|(name, value)| format!("{name}={}", property(value))).collect();
    format!("::{word} {}::{}\n", properties.join(","), data(&shown::lines(&message)))
}

/// A text that ends where the line ends.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A text that ends at a comma or at two colons.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::base::problem::{Problem, Severity};
    use crate::base::rule::Rule;
    use crate::cli::common::located::Located;
    use crate::input::spot::Spot;

    #[test]
    fn whatever_a_name_holds_is_one_command() {
        let problem = Problem::new(Rule::WrongType, "100% ::error::\r\nx, y").hint("mend: it").line(3);
        let spot = Spot { path: Some("a,b:c%/\n".to_owned()), member: None, columns: Some((2, 9)) };
        let text = render(&[Located { problem, spot }]);
        assert_eq!(
            text,
            "::error file=a%2Cb%3Ac%25/%0A,line=3,col=2,endColumn=9,title=wrong-type::100%25 ::error::\\r%0Ax, y%0Ahint: mend: it\n"
        );
    }

    /// The line is that of the member, not of the zip.
    #[test]
    fn a_place_that_has_no_line_of_its_own_is_in_the_message() {
        let problem = Problem::new(Rule::WrongType, "it").file("manifest.yml").line(3).within("top", "a-1.0.0.zip");
        let mut problem = problem.severity(Severity::Note);
        problem.hint = None;
        let member = Some("a-1.0.0/manifest.yml".to_owned());
        let spot = Spot { path: Some("top/a-1.0.0.zip".to_owned()), member, columns: Some((1, 2)) };
        let found = [Located { problem: problem.clone(), spot }, Located { problem, spot: Spot::default() }];
        let end = "title=wrong-type::it%0A--> top/a-1.0.0.zip/manifest.yml:3\n";
        assert_eq!(render(&found), format!("::notice file=top/a-1.0.0.zip,{end}::notice {end}"));
    }
}
