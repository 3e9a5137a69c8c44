"""Detached OpenPGP signatures for the zips of a synthetic catalog, as a mirror holds them beside each zip.

They are real: an RSA key of 2048 bits, version 4, SHA-512, armored. The key is made from a fixed seed, so that the same
catalog has the same signatures everywhere. Anyone can make it: it proves nothing.
"""

import base64
import hashlib
import random
import struct

CREATED = 1700000000
USER = b"Synthetic catalog (anyone has this key) <nobody@example.invalid>"
SHA512 = bytes.fromhex("3051300d060960864801650304020305000440")


def is_prime(number, rng):
    """Miller-Rabin, after division by small numbers."""
    if any(number % small == 0 for small in range(3, 2000, 2)):
        return False
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(24):
        value = pow(rng.randrange(2, number - 1), odd, number)
        if value in (1, number - 1):
            continue
        for _ in range(twos - 1):
            value = value * value % number
            if value == number - 1:
                break
        else:
            return False
    return True


def prime(rng):
    while True:
        number = rng.getrandbits(1024) | 3 << 1022 | 1
        if number % 65537 != 1 and is_prime(number, rng):
            return number


def integer(number):
    """A number as OpenPGP writes it: its length in bits, then its bytes."""
    return struct.pack(">H", number.bit_length()) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def packet(tag, body):
    """A packet of the new form with a length of one, two or five bytes."""
    if len(body) < 192:
        length = bytes([len(body)])
    elif len(body) < 8384:
        length = bytes([(len(body) - 192 >> 8) + 192, len(body) - 192 & 255])
    else:
        length = b"\xff" + struct.pack(">I", len(body))
    return bytes([0xC0 | tag]) + length + body


def armor(kind, data):
    """ASCII armor with its checksum (CRC-24)."""
    crc = 0xB704CE
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc = crc << 1 ^ (0x1864CFB if crc & 0x800000 else 0)
    text = base64.b64encode(data).decode()
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    check = base64.b64encode(crc.to_bytes(3, "big")).decode()
    return f"-----BEGIN PGP {kind}-----\n\n{lines}\n={check}\n-----END PGP {kind}-----\n".encode()


class Key:
    """The key of synthetic catalogs."""

    def __init__(self):
        rng = random.Random("signing key")
        self.p, self.q = prime(rng), prime(rng)
        self.n = self.p * self.q
        private = pow(65537, -1, (self.p - 1) * (self.q - 1))
        self.dp, self.dq, self.inverse = private % (self.p - 1), private % (self.q - 1), pow(self.q, -1, self.p)
        self.body = b"\x04" + struct.pack(">I", CREATED) + b"\x01" + integer(self.n) + integer(65537)
        self.fingerprint = hashlib.sha1(self.hashed(self.body)).digest()

    @staticmethod
    def hashed(body):
        """How a key enters what is hashed."""
        return b"\x99" + struct.pack(">H", len(body)) + body

    def signature(self, kind, data, more=b""):
        """The body of a signature packet of this kind over the data."""
        subpackets = b"\x05\x02" + struct.pack(">I", CREATED) + b"\x16\x21\x04" + self.fingerprint + more
        head = bytes([4, kind, 1, 10]) + struct.pack(">H", len(subpackets)) + subpackets
        digest = hashlib.sha512(data + head + b"\x04\xff" + struct.pack(">I", len(head))).digest()
        padded = b"\x00\x01" + b"\xff" * (256 - 3 - len(SHA512) - 64) + b"\x00" + SHA512 + digest
        message = int.from_bytes(padded, "big")
        first, second = pow(message % self.p, self.dp, self.p), pow(message % self.q, self.dq, self.q)
        signed = second + (first - second) * self.inverse % self.p * self.q
        issuer = b"\x09\x10" + self.fingerprint[-8:]
        return head + struct.pack(">H", len(issuer)) + issuer + digest[:2] + integer(signed)

    def sign(self, data):
        """The armored detached signature of a file."""
        return armor("SIGNATURE", packet(2, self.signature(0x00, data)))

    def public(self):
        """The armored public key, signed by itself: it may certify and sign."""
        certified = self.hashed(self.body) + b"\xb4" + struct.pack(">I", len(USER)) + USER
        itself = self.signature(0x13, certified, b"\x02\x1b\x03")
        return armor("PUBLIC KEY BLOCK", packet(6, self.body) + packet(13, USER) + packet(2, itself))
