//! A sequence of packets, each with its length in front.

use pgp::packet::PacketHeader;
use pgp::types::{PacketLength, Tag};

/// One packet of a sequence.
#[derive(Clone, Copy)]
pub(super) struct RawPacket<'a> {
    pub(super) header: PacketHeader,
    /// Header and body.
    pub(super) whole: &'a [u8],
    pub(super) body: &'a [u8],
}

impl RawPacket<'_> {
    pub(super) fn tag(&self) -> Tag {
        self.header.tag()
    }
}

/// Cuts bytes into packets. Packets in pieces, or of a length that nobody said, are for data alone.
///
/// # Errors
/// What is wrong, in words that finish "the file ...".
pub(super) fn split(bytes: &[u8]) -> Result<Vec<RawPacket<'_>>, &'static str> {
    let (mut packets, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let whole = rest;
        let header = PacketHeader::try_from_reader(&mut rest).map_err(|_| "holds something that is no packet")?;
        let PacketLength::Fixed(length) = header.packet_length() else {
            return Err("holds a packet without a fixed length");
        };
        let (body, after) = rest.split_at_checked(length as usize).ok_or("holds a packet that was cut short")?;
        packets.push(RawPacket { header, whole: &whole[..whole.len() - after.len()], body });
        rest = after;
    }
    Ok(packets)
}
