// Bytes on their way from a file to a format: read in big blocks, unpacked where they are packed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/env.h"

namespace trommel {

/// A file from byte `at` on.
std::unique_ptr<InputStream> stream_from(std::shared_ptr<RandomFile> file, int64_t at);

/// Reads and drops `bytes`; fewer in the stream is an external error that names `name`.
Result<> skip(InputStream& stream, int64_t bytes, const std::string& name);

/// Up to `bytes` from where the stream stands; less only at its end.
Result<std::string> read_up_to(InputStream& stream, size_t bytes);

/// How a file is packed as a whole.
enum class Packing { plain, gzip, zip, zstd, bzip2, xz, lz4 };

/// A gzip file, any number of members one after the other (RFC 1952). What is damaged, cut short or followed by
/// something else is an external error with the byte of the packed file near which it was noticed; it never looks like
/// the end.
std::unique_ptr<InputStream> gunzip(std::unique_ptr<InputStream> packed, std::string name);

/// The same promises for zstd frames (RFC 8878), bzip2 and xz streams, and LZ4 frames (its frame format 1.6), each one
/// after the other; frames to be skipped are. Memory: a window of up to 128 MiB (zstd), a dictionary of up to 256 MiB
/// (xz); what asks for more is an external error.
std::unique_ptr<InputStream> unpack_frames(Packing packing, std::unique_ptr<InputStream> packed, std::string name);

/// By either of them.
std::unique_ptr<InputStream> unpack(Packing packing, std::unique_ptr<InputStream> packed, std::string name);

/// A file in a zip archive, as its directory describes it.
struct ZipMember {
  std::string name;
  int64_t size = 0;  ///< unpacked
  int64_t packed_size = 0;
  int64_t offset = 0;     ///< of its local header
  uint32_t crc = 0;       ///< of the unpacked bytes
  uint32_t dos_time = 0;  ///< date in the upper half
  uint16_t method = 0;    ///< 0 stored, 8 deflated
  bool encrypted = false;
};

/// The files of an archive in the order of its directory: no folders, none of the shadow files that macOS adds.
/// Source: PKWARE's APPNOTE.TXT 6.3, sections 4.3 to 4.5. Zip64 is read; archives in several parts are not.
Result<std::vector<ZipMember>> zip_members(const RandomFile& file, const std::string& name);

/// Unpacked bytes of a member, its size and checksum tested at the end. Encrypted: a config error; an unknown method:
/// external.
Result<std::unique_ptr<InputStream>> open_zip_member(std::shared_ptr<RandomFile> file, const ZipMember& member,
                                                     const std::string& name);

}  // namespace trommel
