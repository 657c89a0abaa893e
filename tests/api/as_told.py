# SPDX-License-Identifier: LGPL-2.1-or-later
"""allowed_operations says what would be done now: it is held against what the messages answer."""

from wire import MODEL, ApiFailure

# Refusals that say "not in this state".
REFUSALS = {"SR_NOT_ATTACHED", "SR_HAS_PBD", "SR_HAS_NO_PBDS", "SR_INDESTRUCTIBLE", "VDI_IN_USE", "VDI_NOT_MANAGED",
            "OPERATION_NOT_ALLOWED", "VBD_IS_EMPTY", "VBD_NOT_EMPTY", "VBD_NOT_REMOVABLE_MEDIA",
            "OTHER_OPERATION_IN_PROGRESS", "VM_BAD_POWER_STATE", "HOST_DISABLED", "DEVICE_ALREADY_ATTACHED", "DEVICE_ALREADY_DETACHED",
            "VM_IS_TEMPLATE", "PROVISION_ONLY_ALLOWED_ON_TEMPLATE", "VM_CANNOT_DELETE_DEFAULT_TEMPLATE"}


class AsTold:
    """For test cases of the API."""

    def is_refused(self, method, *params):
        """Whether the message says that it cannot be done now; so does one that nobody has written."""
        if method in MODEL.pending:
            self.assert_fails("NOT_IMPLEMENTED", [method], self.api, method, *params)
            return True
        try:
            self.api(method, *params)
        except ApiFailure as failure:
            if failure.code in REFUSALS:
                return True
            raise
        return False

    def assert_as_told(self, name, ref, *calls):
        """Each (operation, method, parameters) is done if and only if it is said to be allowed just before."""
        for operation, method, *params in calls:
            allowed = operation in self.api(f"{name}.get_allowed_operations", ref)
            with self.subTest(operation=operation, method=method):
                self.assertEqual(self.is_refused(method, *params), not allowed)

    def allowed(self, name, ref):
        """As a set."""
        return set(self.api(f"{name}.get_allowed_operations", ref))
