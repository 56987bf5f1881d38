package tollgate.authz

# METADATA
# description: Who deletes says why. Replace it by rules of your own.
# custom:
#   code: FORBIDDEN
deny contains {"code": "FORBIDDEN", "message": "Deletions need a reason: send X-Reason.", "details": null} if {
	input.request.method == "DELETE"
	not gives_reason
}

gives_reason if input.request.headers["x-reason"][_] != ""
