/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Maps: entries in the order added, with a hash index once they are many.
 *
 * The same few hundred field names are keys in every row, so short keys are shared: each thread remembers
 * those it used last in a table of fixed size and takes another reference instead of a copy. */
#include <string.h>

#include "base/text.h"
#include "value/internal.h"

#define KEY_CACHE_SETS      512 /* a power of two; with KEY_CACHE_WAYS, a few times the number of field names */
#define KEY_CACHE_WAYS      4   /* keys of one set, the one used last in front */
#define KEY_CACHE_MAX_BYTES 35 /* uuids and refs, which come and go, are longer than that */

static guint64 hash_seed[2];

__attribute__((constructor)) static void
choose_hash_seed(void)
{
    g_autofree char *low = base_random_text(8);
    g_autofree char *high = base_random_text(8);

    hash_seed[0] = g_ascii_strtoull(low, NULL, 16);
    hash_seed[1] = g_ascii_strtoull(high, NULL, 16);
}

static guint64
fold(guint64 a, guint64 b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (guint64)product ^ (guint64)(product >> 64);
}

/* Folded multiplication, 8 bytes a step. */
guint32
value_bytes_hash(const char *bytes, gsize length)
{
    guint64 state = hash_seed[0] ^ length;
    guint64 word;

    for (; length >= sizeof(word); bytes += sizeof(word), length -= sizeof(word)) {
        memcpy(&word, bytes, sizeof(word));
        state = fold(state ^ word, hash_seed[1] | 1) + G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    }
    word = 0;
    memcpy(&word, bytes, length);
    state = fold(state ^ word, hash_seed[1] | 1);
    state = fold(state ^ hash_seed[0], G_GUINT64_CONSTANT(0xd6e8feb86659fd93));
    return (guint32)(state ^ state >> 32);
}

static void
key_cache_free(gpointer data)
{
    Value **slots = data;

    for (gsize i = 0; i < KEY_CACHE_SETS * KEY_CACHE_WAYS; i++)
        value_unref(slots[i]);
    g_free(slots);
}

static GPrivate key_cache = G_PRIVATE_INIT(key_cache_free);

static gboolean
key_is(const Value *key, const char *text, gsize length)
{
    const ValueText *have = (const ValueText *)key;

    return have->length == length && memcmp(have->text, text, length) == 0;
}

/* Moves the key to the front of @set, or makes it there in place of the one not used for longest. */
static Value *
key_cache_get(Value **set, const char *text, gsize length)
{
    guint way = 0;

    while (way < KEY_CACHE_WAYS && set[way] != NULL && !key_is(set[way], text, length))
        way++;
    Value *key;
    if (way < KEY_CACHE_WAYS && set[way] != NULL) {
        key = set[way];
    } else {
        key = value_string_sized(text, length);
        way = MIN(way, KEY_CACHE_WAYS - 1);
        value_unref(set[way]);
    }
    for (; way > 0; way--)
        set[way] = set[way - 1];
    set[0] = key;
    return value_ref(key);
}

static Value *
key_new(const char *text, gsize length, guint32 hash)
{
    if (length > KEY_CACHE_MAX_BYTES)
        return value_string_sized(text, length);

    Value **sets = g_private_get(&key_cache);
    if (sets == NULL) {
        sets = g_new0(Value *, KEY_CACHE_SETS * KEY_CACHE_WAYS);
        g_private_set(&key_cache, sets);
    }
    return key_cache_get(&sets[(hash & (KEY_CACHE_SETS - 1)) * KEY_CACHE_WAYS], text, length);
}

static ValueMap *
as_map(const Value *value)
{
    g_assert(value->kind == VALUE_MAP);
    return (ValueMap *)value;
}

static ValueMap *
map_new(gsize reserve)
{
    ValueMap *map = g_new0(ValueMap, 1);

    g_assert(reserve <= G_MAXUINT32 / 4);
    map->base = (Value){1, VALUE_MAP};
    map->capacity = (guint32)reserve;
    map->entries = g_new(MapEntry, reserve);
    return map;
}

Value *
value_map_new(gsize reserve)
{
    return &map_new(reserve)->base;
}

void
map_free(ValueMap *map)
{
    for (guint32 i = 0; i < map->length; i++) {
        value_unref(map->entries[i].key);
        value_unref(map->entries[i].value);
    }
    g_free(map->entries);
    g_free(map->index);
    g_free(map);
}

static void
index_put(ValueMap *map, guint32 hash, guint32 number)
{
    guint32 slot = hash & map->index_mask;

    while (map->index[slot] != 0)
        slot = (slot + 1) & map->index_mask;
    map->index[slot] = number + 1;
}

/* Makes room in the index for @length entries and fills it: at most three quarters are in use. */
static void
index_build(ValueMap *map, guint32 length)
{
    guint32 slots = 32;

    while (slots / 4 * 3 < length)
        slots *= 2;
    g_free(map->index);
    map->index = g_new0(guint32, slots);
    map->index_mask = slots - 1;
    for (guint32 i = 0; i < map->length; i++) {
        const ValueText *key = (const ValueText *)map->entries[i].key;
        index_put(map, value_bytes_hash(key->text, key->length), i);
    }
}

static MapEntry *
find_indexed(const ValueMap *map, const char *key, gsize length, guint32 hash)
{
    for (guint32 slot = hash & map->index_mask; map->index[slot] != 0; slot = (slot + 1) & map->index_mask) {
        MapEntry *entry = &map->entries[map->index[slot] - 1];
        if (key_is(entry->key, key, length))
            return entry;
    }
    return NULL;
}

static MapEntry *
find_linear(const ValueMap *map, const char *key, gsize length)
{
    for (guint32 i = 0; i < map->length; i++) {
        if (key_is(map->entries[i].key, key, length))
            return &map->entries[i];
    }
    return NULL;
}

static MapEntry *
find(const ValueMap *map, const char *key, gsize length)
{
    if (map->index == NULL)
        return find_linear(map, key, length);
    return find_indexed(map, key, length, value_bytes_hash(key, length));
}

/* Takes over @key and @item. @key is not in @map. */
static void
append_entry(ValueMap *map, Value *key, guint32 hash, Value *item)
{
    if (map->length == map->capacity) {
        g_assert(map->capacity < G_MAXUINT32 / 4);
        map->capacity = MAX(4, map->capacity * 2);
        map->entries = g_renew(MapEntry, map->entries, map->capacity);
    }
    map->entries[map->length++] = (MapEntry){key, item};
    if (map->length <= MAP_LINEAR_MAX)
        return;
    if (map->index == NULL || map->length > (map->index_mask + 1) / 4 * 3)
        index_build(map, MAX(map->length, map->capacity));
    else
        index_put(map, hash, map->length - 1);
}

void
value_map_set(Value *map, const char *key, Value *item)
{
    ValueMap *to = as_map(map);
    gsize length = strlen(key);
    guint32 hash = value_bytes_hash(key, length);

    g_assert(g_atomic_int_get(&map->refs) == 1); /* shared values do not change */
    MapEntry *entry = to->index != NULL ? find_indexed(to, key, length, hash) : find_linear(to, key, length);
    if (entry != NULL) {
        value_unref(entry->value);
        entry->value = item;
        return;
    }
    append_entry(to, key_new(key, length, hash), hash, item);
}

/* A copy with room for @extra more; its index, if any, is for the entries it has. */
static ValueMap *
copy_map(const ValueMap *from, guint32 extra)
{
    ValueMap *map = map_new((gsize)from->length + extra);

    map->length = from->length;
    for (guint32 i = 0; i < from->length; i++)
        map->entries[i] = (MapEntry){value_ref(from->entries[i].key), value_ref(from->entries[i].value)};
    if (from->index != NULL) {
        map->index_mask = from->index_mask;
        map->index = g_memdup2(from->index, ((gsize)from->index_mask + 1) * sizeof(guint32));
    }
    return map;
}

Value *
value_map_copy(const Value *map)
{
    return &copy_map(as_map(map), 0)->base;
}

Value *
value_map_with(const Value *map, const char *key, Value *item)
{
    const ValueMap *from = as_map(map);
    Value *copy = &copy_map(from, find(from, key, strlen(key)) == NULL ? 1 : 0)->base;

    value_map_set(copy, key, item);
    return copy;
}

Value *
value_map_without(const Value *map, const char *key)
{
    const ValueMap *from = as_map(map);
    const MapEntry *absent = find(from, key, strlen(key));

    if (absent == NULL)
        return value_map_copy(map);
    ValueMap *copy = map_new(from->length - 1);
    for (guint32 i = 0; i < from->length; i++) {
        const MapEntry *entry = &from->entries[i];
        if (entry != absent)
            copy->entries[copy->length++] = (MapEntry){value_ref(entry->key), value_ref(entry->value)};
    }
    if (copy->length > MAP_LINEAR_MAX)
        index_build(copy, copy->length);
    return &copy->base;
}

const char *
value_map_key(const Value *map, gsize index)
{
    const ValueMap *from = as_map(map);

    g_assert(index < from->length);
    return ((const ValueText *)from->entries[index].key)->text;
}

Value *
value_map_value(const Value *map, gsize index)
{
    const ValueMap *from = as_map(map);

    g_assert(index < from->length);
    return from->entries[index].value;
}

Value *
value_map_get(const Value *map, const char *key)
{
    const MapEntry *entry = find(as_map(map), key, strlen(key));

    return entry != NULL ? entry->value : NULL;
}

const char *
value_map_get_string(const Value *map, const char *key, const char *fallback)
{
    const Value *value = value_map_get(map, key);

    return value != NULL && value_kind(value) == VALUE_STRING ? value_get_string(value) : fallback;
}

gboolean
map_equal(const ValueMap *a, const ValueMap *b)
{
    if (a->length != b->length)
        return FALSE;
    for (guint32 i = 0; i < a->length; i++) {
        const ValueText *key = (const ValueText *)a->entries[i].key;
        /* Maps made alike have their entries alike: look at the same place before searching. */
        const MapEntry *other = &b->entries[i];
        if (!key_is(other->key, key->text, key->length))
            other = find(b, key->text, key->length);
        if (other == NULL || !value_equal(a->entries[i].value, other->value))
            return FALSE;
    }
    return TRUE;
}
