import { describe, expect, it } from "vitest";
import { crc32c, maskedCrc32c } from "../../src/formats/crc32c.ts";

describe("crc32c", () => {
  it("gives the check value of its catalogue entry (CRC-32/ISCSI)", () => {
    expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
  });

  // RFC 3720, appendix B.4; the digests there are written byte by byte, the lowest first.
  it.each([
    ["zeros", new Uint8Array(32), 0x8a9136aa],
    ["ones", new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ["rising bytes", Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ["falling bytes", Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ])("gives the standard's digest of 32 %s", (_, bytes, digest) => {
    expect(crc32c(bytes)).toBe(digest);
  });

  it("is 0 for nothing, and masked then to the constant alone", () => {
    expect(crc32c(new Uint8Array())).toBe(0);
    expect(maskedCrc32c(new Uint8Array())).toBe(0xa282ead8);
  });
});
