//! Every byte in every spelling for every parameter: what is exact, wrong or unread turns on single bytes.

use super::queries::NAMES;

/// Every byte in every spelling, alone and inside otherwise right values of each parameter, and what a pattern or a
/// decoder could stumble over.
pub(super) fn spellings() -> Vec<String> {
    let right = |name: &str| match name {
        "kibana.version" | "agent.version" => ["8.11", "8.11.2%2Bmeta"],
        "spec.min" | "spec.max" => ["2.3", "2%2E3"],
        "capabilities" => ["apm", "x,apm%2Cy"],
        "package" => ["nginx", "ngin%78"],
        "category" => ["web", "%57eb"],
        "type" => ["input", "in%70ut"],
        _ => ["true", "%74rue"],
    };
    let mut targets = Vec::new();
    for &name in NAMES {
        let endpoint = if name == "include_policy_templates" { "/categories" } else { "/search" };
        let mut add = |value: &str| targets.push(format!("{endpoint}?{name}={value}"));
        for byte in 0..=u8::MAX {
            let mut ways = vec![format!("%{byte:02x}"), format!("%{byte:02X}")];
            if byte.is_ascii_graphic() && byte != b'#' {
                ways.push(char::from(byte).to_string());
            }
            for way in ways {
                add(&way);
                for right in right(name) {
                    add(&format!("{right}{way}"));
                    add(&format!("{way}{right}"));
                }
            }
        }
        for odd in
            ["%", "%2", "%zz", "%2g", "%g2", "%%20", "%20%", "%2520", "%25", "%+1", "%20;", ";", "é", "%é", "%20%2E"]
        {
            add(odd);
            for right in right(name) {
                add(&format!("{right}{odd}"));
                add(&format!("{right},{odd}"));
            }
        }
        // As long as a request line may be: patterns must not run out of memory, nor decide otherwise.
        for part in ["a", "1", "%61", "%20", "%2E", ".", "%2C", "%61,", "a%2B", "a.", "-"] {
            let value = part.repeat(2_400 / part.len());
            add(&value);
            add(&format!("{}{value}", right(name)[0]));
            add(&format!("{value}%20"));
            add(&part.repeat(7_000 / part.len()));
        }
    }
    targets
}
