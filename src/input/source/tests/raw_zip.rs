//! Zips written byte by byte, so that every field can lie.

/// A member and what its headers claim.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) name: Vec<u8>,
    pub(super) content: Vec<u8>,
    pub(super) flags: u16,
    pub(super) method: u16,
    /// Unix mode.
    pub(super) mode: u32,
    /// What the directory says of the unpacked size.
    pub(super) size: u32,
    pub(super) crc: u32,
    /// Extra field in the central directory.
    pub(super) extra: Vec<u8>,
}

impl Member {
    /// A stored file, or a folder if the name ends with a slash.
    pub(super) fn new(name: impl AsRef<[u8]>) -> Self {
        let name = name.as_ref().to_vec();
        let content = if name.ends_with(b"/") { Vec::new() } else { b"content".to_vec() };
        Self {
            flags: 0,
            method: 0,
            mode: 0,
            size: content.len() as u32,
            crc: crc32fast::hash(&content),
            extra: Vec::new(),
            name,
            content,
        }
    }
}

/// The zip of these members.
pub(super) fn zip(members: &[Member]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let offset = bytes.len() as u32;
        let mut common = Vec::new();
        for number in [20, member.flags, member.method, 0, 0x21] {
            common.extend(number.to_le_bytes());
        }
        for number in [member.crc, member.content.len() as u32, member.size] {
            common.extend(number.to_le_bytes());
        }
        common.extend((member.name.len() as u16).to_le_bytes());
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&common);
        bytes.extend([0, 0]);
        bytes.extend(&member.name);
        bytes.extend(&member.content);
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(&common);
        directory.extend((member.extra.len() as u16).to_le_bytes());
        directory.extend([0; 6]);
        directory.extend((member.mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(&member.name);
        directory.extend(&member.extra);
    }
    let start = bytes.len() as u32;
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend((members.len() as u16).to_le_bytes());
    bytes.extend((members.len() as u16).to_le_bytes());
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

/// The zip of plain members with these names.
pub(super) fn zip_of(names: &[&str]) -> Vec<u8> {
    zip(&names.iter().map(Member::new).collect::<Vec<_>>())
}
