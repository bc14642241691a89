// How each C++ type is read from a Node (included by spec/spec.h).
#pragma once
