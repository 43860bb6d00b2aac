# Turns the bytes of INPUT into OUTPUT.c and OUTPUT.h.
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
get_filename_component(name ${OUTPUT} NAME)
file(WRITE ${OUTPUT}.h "#include <stddef.h>
extern const unsigned char pep_descriptor_set[];
extern const size_t pep_descriptor_set_size;
")
file(WRITE ${OUTPUT}.c "#include \"${name}.h\"
const unsigned char pep_descriptor_set[] = {
${bytes}
};
const size_t pep_descriptor_set_size = sizeof(pep_descriptor_set);
")
