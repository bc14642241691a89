#include "codecs/avro/container.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include "avro/wire.h"

namespace trommel::avro {

namespace {

constexpr std::pair<std::string_view, Codec> codecs[] = {
    {"null", Codec::none}, {"deflate", Codec::deflate}, {"snappy", Codec::snappy}, {"zstandard", Codec::zstandard}};

/// The header's own map of bytes, read without a schema for it.
class HeaderReader {
 public:
  explicit HeaderReader(Bytes bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

  bool number(int64_t& value) {
    const uint8_t* next = read_long(at_, end_, value);
    if (next == nullptr) return false;
    at_ = next;
    return true;
  }
  bool take(size_t size, Bytes& out) {
    if (static_cast<size_t>(end_ - at_) < size) return false;
    out = {at_, size};
    at_ += size;
    return true;
  }
  bool sized(Bytes& out) {
    int64_t size = 0;
    return number(size) && size >= 0 && take(static_cast<size_t>(size), out);
  }
  const uint8_t* at() const { return at_; }

 private:
  const uint8_t *at_, *end_;
};

tl::unexpected<Error> broken(std::string what) { return data_error("block", std::move(what)); }

/// Twice as much, but no more than shows that there is too much.
size_t larger(size_t size) { return std::clamp<size_t>(size * 2, 1024, static_cast<size_t>(block_bytes_max) + 1); }

Result<std::vector<uint8_t>> inflated(Bytes block) {
  z_stream stream{};
  if (inflateInit2(&stream, -15) != Z_OK) return external_error("block", "no memory to unpack it");
  std::vector<uint8_t> out(larger(block.size() * 2));
  stream.next_in = const_cast<uint8_t*>(block.data());
  stream.avail_in = static_cast<uInt>(block.size());
  int code = Z_OK;
  while (code == Z_OK) {
    if (static_cast<int64_t>(stream.total_out) > block_bytes_max) break;
    if (stream.total_out == out.size()) out.resize(larger(out.size()));
    stream.next_out = out.data() + stream.total_out;
    stream.avail_out = static_cast<uInt>(out.size() - stream.total_out);
    code = inflate(&stream, Z_NO_FLUSH);
  }
  const size_t size = stream.total_out;
  inflateEnd(&stream);
  if (static_cast<int64_t>(size) > block_bytes_max)
    return broken(fmt::format("more than {} bytes when unpacked", block_bytes_max));
  if (code != Z_STREAM_END) return broken("deflate cannot unpack it");
  out.resize(size);
  return out;
}

Result<std::vector<uint8_t>> unsnapped(Bytes block) {
  if (block.size() < 4) return broken("too short for snappy's checksum");
  const char* const data = reinterpret_cast<const char*>(block.data());
  const size_t packed = block.size() - 4;
  size_t size = 0;
  if (!snappy::GetUncompressedLength(data, packed, &size)) return broken("snappy cannot unpack it");
  if (static_cast<int64_t>(size) > block_bytes_max)
    return broken(fmt::format("more than {} bytes when unpacked", block_bytes_max));
  std::vector<uint8_t> out(size);
  if (!snappy::RawUncompress(data, packed, reinterpret_cast<char*>(out.data())))
    return broken("snappy cannot unpack it");
  uint32_t stored = 0;
  for (size_t i = 0; i < 4; ++i) stored = stored << 8 | block[packed + i];
  if (stored != crc32(0, out.data(), static_cast<uInt>(out.size()))) return broken("its checksum is another");
  return out;
}

Result<std::vector<uint8_t>> unzstd(Bytes block) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  std::vector<uint8_t> out(larger(block.size() * 2));
  ZSTD_inBuffer in{block.data(), block.size(), 0};
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  while (true) {
    const size_t code = ZSTD_decompressStream(context.get(), &to, &in);
    if (ZSTD_isError(code) != 0U) return broken("zstandard cannot unpack it");
    if (code == 0 && in.pos == in.size) break;
    if (to.pos == to.size) {
      if (static_cast<int64_t>(to.size) > block_bytes_max)
        return broken(fmt::format("more than {} bytes when unpacked", block_bytes_max));
      out.resize(larger(out.size()));
      to.dst = out.data();
      to.size = out.size();
    } else if (in.pos == in.size) {
      return broken("zstandard cannot unpack it: it is cut short");
    }
  }
  out.resize(to.pos);
  return out;
}

Result<> deflate_into(int level, Bytes content, std::string& out) {
  z_stream stream{};
  if (deflateInit2(&stream, level == 0 ? 6 : level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return external_error("Avro", "no memory to pack a block");
  const size_t before = out.size();
  out.resize(before + deflateBound(&stream, content.size()));
  stream.next_in = const_cast<uint8_t*>(content.data());
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<uint8_t*>(out.data()) + before;
  stream.avail_out = static_cast<uInt>(out.size() - before);
  const int code = deflate(&stream, Z_FINISH);
  out.resize(before + stream.total_out);
  deflateEnd(&stream);
  TROMMEL_CHECK(code == Z_STREAM_END, fmt::format("deflate: {}", code));
  return {};
}

}  // namespace

std::optional<Codec> codec_named(std::string_view name) {
  for (const auto& [known, codec] : codecs) {
    if (known == name) return codec;
  }
  return std::nullopt;
}

std::string_view codec_name(Codec codec) {
  for (const auto& [name, known] : codecs) {
    if (known == codec) return name;
  }
  return {};
}

Result<ContainerHeader> read_header(Bytes bytes, const std::string& name) {
  const auto cut = [&] { return external_error(name, "damaged Avro file: its header is cut short"); };
  if (!as_text(bytes).starts_with(container_magic)) return external_error(name, "not an Avro file");
  HeaderReader reader(bytes.subspan(container_magic.size()));
  std::string schema, codec = "null";
  int64_t count = 0;
  while (true) {
    if (!reader.number(count)) return cut();
    if (count == 0) break;
    int64_t size = 0;
    if (count < 0 && !reader.number(size)) return cut();
    for (int64_t left = count < 0 ? -(count + 1) + 1 : count; left > 0; --left) {
      Bytes key, value;
      if (!reader.sized(key) || !reader.sized(value)) return cut();
      if (as_text(key) == "avro.schema") schema = as_text(value);
      if (as_text(key) == "avro.codec" && !value.empty()) codec = as_text(value);
    }
  }
  ContainerHeader header;
  Bytes sync;
  if (!reader.take(header.sync.size(), sync)) return cut();
  std::memcpy(header.sync.data(), sync.data(), sync.size());
  header.bytes = static_cast<size_t>(reader.at() - bytes.data());
  const auto known = codec_named(codec);
  if (!known)
    return config_error(name, fmt::format("its blocks are packed with `{}`", codec),
                        "null, deflate, snappy and zstandard can be read");
  header.codec = *known;
  ASSIGN(header.schema, read_schema(schema, name));
  return header;
}

std::string header_bytes(const std::string& schema_json, Codec codec, const SyncMarker& sync) {
  std::string out(container_magic);
  append_long(out, 2);
  append_sized(out, "avro.schema");
  append_sized(out, schema_json);
  append_sized(out, "avro.codec");
  append_sized(out, codec_name(codec));
  append_long(out, 0);
  out.append(reinterpret_cast<const char*>(sync.data()), sync.size());
  return out;
}

Result<std::vector<uint8_t>> unpacked(Codec codec, Bytes block) {
  switch (codec) {
    case Codec::none:
      return std::vector<uint8_t>(block.begin(), block.end());
    case Codec::deflate:
      return inflated(block);
    case Codec::snappy:
      return unsnapped(block);
    case Codec::zstandard:
      return unzstd(block);
  }
  return broken("an unknown codec");
}

Result<> pack(Codec codec, int level, Bytes content, std::string& out) {
  const size_t before = out.size();
  switch (codec) {
    case Codec::none:
      out.append(as_text(content));
      return {};
    case Codec::deflate:
      return deflate_into(level, content, out);
    case Codec::snappy: {
      out.resize(before + snappy::MaxCompressedLength(content.size()) + 4);
      size_t size = 0;
      snappy::RawCompress(reinterpret_cast<const char*>(content.data()), content.size(), out.data() + before, &size);
      const uint32_t checksum = static_cast<uint32_t>(crc32(0, content.data(), static_cast<uInt>(content.size())));
      for (size_t i = 0; i < 4; ++i) out[before + size + i] = static_cast<char>(checksum >> (24 - 8 * i));
      out.resize(before + size + 4);
      return {};
    }
    case Codec::zstandard: {
      out.resize(before + ZSTD_compressBound(content.size()));
      const size_t size = ZSTD_compress(out.data() + before, out.size() - before, content.data(), content.size(),
                                        level == 0 ? 3 : level);
      TROMMEL_CHECK(ZSTD_isError(size) == 0U, ZSTD_getErrorName(size));
      out.resize(before + size);
      return {};
    }
  }
  return {};
}

}  // namespace trommel::avro
