/* What only ADD does: sources that are fetched. */
#include "builder/step.h"

int step_add_check(const struct step *step, struct error *err)
{
	const struct copy_args *args = &step->u.copy;

	for (size_t i = 0; i < args->sources.len; i++) {
		const char *source = args->sources.items[i];

		if (source_form(source) != SOURCE_FORM_LOCAL)
			return error_set(err, ERROR_REFUSED,
					 "ADD of a URL is not supported yet: "
					 "'%s'; fetch it in a RUN instead",
					 source);
	}
	return 0;
}
