// libavro's (C) reading of values, for bench/avro.cc. Apart, because its headers and ours lie in folders of one name.
#include <avro.h>

#include <cstddef>
#include <cstdint>

/// Reads each datum of `data` into libavro's generic value; `ends` says where they end. False: it failed.
bool libavro_reads(const char* schema_text, size_t schema_size, const char* data, const int64_t* ends, size_t count) {
  avro_schema_t schema = nullptr;
  if (avro_schema_from_json_length(schema_text, schema_size, &schema) != 0) return false;
  avro_value_iface_t* iface = avro_generic_class_from_schema(schema);
  avro_value_t value;
  avro_generic_value_new(iface, &value);
  avro_reader_t reader = avro_reader_memory(data, ends[count - 1]);
  bool read = true;
  for (size_t i = 0; read && i < count; ++i) read = avro_value_read(reader, &value) == 0;
  avro_reader_free(reader);
  avro_value_decref(&value);
  avro_value_iface_decref(iface);
  avro_schema_decref(schema);
  return read;
}
