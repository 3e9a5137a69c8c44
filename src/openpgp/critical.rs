//! Parts of signatures that their makers call critical: who does not know such a part must not believe the signature.

use pgp::packet::SignatureConfig;

/// Types of parts that every OpenPGP.js knows which Kibana has used, from version 5 on; by their numbers in RFC 9580, 5.2.3.7.
const KNOWN: [u8; 22] = [2, 3, 4, 5, 6, 7, 9, 11, 12, 16, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 32, 33];
/// A remark in words of its maker. Kibana is told of none that it should know.
const NOTATION: u8 = 20;

/// Why a signature counts for nothing because of its critical parts, in words that finish "the signature ...". Parts that are
/// not signed do not count: anybody could add some on the way, and Kibana does not look at them.
pub(super) fn fault(config: &SignatureConfig) -> Option<&'static str> {
    let mut critical = config.hashed_subpackets().filter(|part| part.is_critical).map(|part| part.typ().as_u8(false));
    critical.find_map(|typ| match typ {
        NOTATION => Some("has a critical notation, and nobody knows any"),
        typ if KNOWN.contains(&typ) => None,
        _ => Some("has a critical part that not every Kibana knows"),
    })
}
