/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values in D-Bus form and back, by the same descriptions as domain/codec.h. The form is that of the
 * interface document: see gen/domain_dbus.py. */
#pragma once

#include "domain/codec.h"

/* Bound on what one call may carry, as on the XML-RPC wire: over it BASE_ERROR_TOO_LARGE. */
#define DOMAIN_VARIANT_MAX_VALUES 1000000

/**
 * domain_variant_from_value:
 * @value: as domain_type_write() makes it; NULL for zero, empty or none
 *
 * Texts that are no UTF-8 are made some: the bus would cut us off. (transfer full): of @type->signature.
 */
GVariant *domain_variant_from_value(const DomainType *type, Value *value);

/**
 * domain_variant_to_value:
 * @variant: of any type; from outside
 *
 * What @type leaves unprinted is left out. (transfer full): for domain_type_read(). Errors:
 * BASE_ERROR_INVALID, BASE_ERROR_TOO_LARGE.
 */
Value *domain_variant_to_value(const DomainType *type, GVariant *variant, GError **error);
