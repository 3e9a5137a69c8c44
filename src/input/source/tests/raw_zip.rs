//! Zips written byte by byte, so that every field can lie.

/// A member and what its headers claim.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: Vec<u8>,
    pub(super) content: Vec<u8>,
    pub(super) flags: u16,
    pub(super) method: u16,
    /// Unix mode.
    pub(super) mode: u32,
    /// Attributes of DOS.
    pub(super) dos: u32,
    /// The system that it is said to come from: 3 is Unix.
    pub(super) system: u8,
    /// The version of the format that a reader must know, in tenths.
    pub(super) version: u16,
    /// What the directory says of the unpacked size.
    pub(super) size: u32,
    pub(super) crc: u32,
    /// Extra field in the central directory.
    pub(super) extra: Vec<u8>,
    /// What only the local header says, and what follows the content.
    pub(super) local: Local,
}

/// What stands in a local header instead of what the directory says.
#[derive(Clone, Debug, Default)]
pub(super) struct Local {
    pub(super) name: Option<Vec<u8>>,
    pub(super) flags: Option<u16>,
    pub(super) method: Option<u16>,
    pub(super) version: Option<u16>,
    /// Checksum, packed and unpacked size.
    pub(super) sums: Option<[u32; 3]>,
    pub(super) extra: Vec<u8>,
    /// Bytes after the content.
    pub(super) after: Vec<u8>,
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
            dos: 0,
            system: 3,
            version: 20,
            size: content.len() as u32,
            crc: crc32fast::hash(&content),
            extra: Vec::new(),
            name,
            content,
            local: Local::default(),
        }
    }

    /// The member with other things in its local header.
    pub(super) fn locally(self, local: Local) -> Self {
        Self { local, ..self }
    }

    /// The member as it is written before its size is known, with this after its content.
    pub(super) fn streamed(self, after: Vec<u8>) -> Self {
        Self { flags: 8, ..self.locally(Local { sums: Some([0; 3]), after, ..Local::default() }) }
    }

    fn fixed(version: u16, flags: u16, method: u16, sums: [u32; 3], name: &[u8]) -> Vec<u8> {
        let mut fixed = Vec::new();
        for number in [version, flags, method, 0, 0x21] {
            fixed.extend(number.to_le_bytes());
        }
        sums.iter().for_each(|number| fixed.extend(number.to_le_bytes()));
        fixed.extend((name.len() as u16).to_le_bytes());
        fixed
    }
}

/// The zip of these members.
pub(super) fn zip(members: &[Member]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let offset = bytes.len() as u32;
        let sums = [member.crc, member.content.len() as u32, member.size];
        let local = &member.local;
        let name = local.name.as_ref().unwrap_or(&member.name);
        let (flags, method) = (local.flags.unwrap_or(member.flags), local.method.unwrap_or(member.method));
        bytes.extend(b"PK\x03\x04");
        bytes.extend(Member::fixed(
            local.version.unwrap_or(member.version),
            flags,
            method,
            local.sums.unwrap_or(sums),
            name,
        ));
        bytes.extend((local.extra.len() as u16).to_le_bytes());
        for part in [name, &local.extra, &member.content, &local.after] {
            bytes.extend(part);
        }
        directory.extend([b'P', b'K', 1, 2, 20, member.system]);
        directory.extend(Member::fixed(member.version, member.flags, member.method, sums, &member.name));
        directory.extend((member.extra.len() as u16).to_le_bytes());
        directory.extend([0; 6]);
        directory.extend((member.mode << 16 | member.dos).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(&member.name);
        directory.extend(&member.extra);
    }
    let start = bytes.len() as u32;
    bytes.extend(&directory);
    bytes.extend(end(members.len() as u16, directory.len() as u32, start));
    bytes
}

/// An end record without a comment.
pub(super) fn end(members: u16, size: u32, start: u32) -> Vec<u8> {
    let mut bytes = b"PK\x05\x06\0\0\0\0".to_vec();
    [members; 2].iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    [size, start].iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    bytes.extend([0, 0]);
    bytes
}

/// The same zip with end records of zip64; `change` may lie in the wide one and in its locator.
pub(super) fn with_wide_end(zip: &[u8], change: impl FnOnce(&mut [u64; 4], &mut u64)) -> Vec<u8> {
    let (body, old) = zip.split_at(zip.len() - 22);
    let number = |place: usize| u64::from(u32::from_le_bytes(old[place..place + 4].try_into().unwrap()));
    let members = u64::from(old[10]);
    // Members twice, size and start of the directory.
    let (mut numbers, mut place) = ([members, members, number(12), number(16)], body.len() as u64);
    change(&mut numbers, &mut place);
    let mut bytes = body.to_vec();
    bytes.extend(b"PK\x06\x06");
    bytes.extend(44_u64.to_le_bytes());
    bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(place.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(end(u16::MAX, u32::MAX, u32::MAX));
    bytes
}

/// The zip of plain members with these names.
pub(super) fn zip_of(names: &[&str]) -> Vec<u8> {
    zip(&names.iter().map(Member::new).collect::<Vec<_>>())
}
