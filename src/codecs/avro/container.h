// Avro object container files: a header with the schema, then blocks of records, each behind its count and size and
// before a marker that the file repeats. Specification: Apache Avro 1.11.1, "Object Container Files".
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "avro/schema.h"
#include "base/env.h"

namespace trommel::avro {

/// How blocks are packed. Snappy's are followed by a checksum of what is in them.
enum class Codec { none, deflate, snappy, zstandard };

/// Nothing for one that cannot be read.
std::optional<Codec> codec_named(std::string_view name);
std::string_view codec_name(Codec codec);

/// A block may not be more than this when it is unpacked: what a header claims is not made room for unseen.
constexpr int64_t block_bytes_max = 64 << 20;

using SyncMarker = std::array<uint8_t, 16>;

struct ContainerHeader {
  SchemaPtr schema;
  Codec codec = Codec::none;
  SyncMarker sync{};
  size_t bytes = 0;  ///< of the header; blocks follow
};

constexpr std::string_view container_magic{"Obj\1", 4};

/// Reads the header at the start of `bytes`. The error says what is wrong with it, and with what; `name` is the file's.
Result<ContainerHeader> read_header(Bytes bytes, const std::string& name);

/// The header as bytes.
std::string header_bytes(const std::string& schema_json, Codec codec, const SyncMarker& sync);

/// The content of a block. The error (`data`) says in a few words what is wrong.
Result<std::vector<uint8_t>> unpacked(Codec codec, Bytes block);
/// `level` is the codec's own; 0: its default.
Result<> pack(Codec codec, int level, Bytes content, std::string& out);

}  // namespace trommel::avro
