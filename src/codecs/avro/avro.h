// Apache Avro: object container files, and messages in plain Avro or with a schema registry.
#pragma once

#include "component/codec.h"
#include "component/message.h"

namespace trommel {

/// Container files. Positions are row numbers. A file with a contract that is an .avsc is read as that schema, by
/// Avro's own rules. A block that is damaged is one reject; reading goes on at the next sync marker.
FormatKind avro_format();

/// Blocks of about 256 KiB before they are compressed. The same rows make the same bytes.
EncoderKind avro_encoder();

/// One record a message: with a local schema, or in Confluent's wire format with a registry.
MessageFormat avro_messages();

}  // namespace trommel
