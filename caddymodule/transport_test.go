package caddymodule_test

import (
	"testing"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// onBothTransports are the tests of what goes to the backend and comes from it. They run here once more, with transport tollgate.
var onBothTransports = map[string]func(*testing.T){
	"BackendErrorsEverywhere":                    TestBackendErrorsEverywhere,
	"OwnRefusalsEverywhere":                      TestOwnRefusalsEverywhere,
	"StreamsEverywhere":                          TestStreamsEverywhere,
	"BrokenStreamsAreCutEverywhere":              TestBrokenStreamsAreCutEverywhere,
	"SlowBackend":                                TestSlowBackend,
	"RequestBodies":                              TestRequestBodies,
	"SoftFailuresAreAskedForUnencoded":           TestSoftFailuresAreAskedForUnencoded,
	"UpgradeThatNobodyAskedFor":                  TestUpgradeThatNobodyAskedFor,
	"SlowClientIsClosed":                         TestSlowClientIsClosed,
	"GracefulStop":                               TestGracefulStop,
	"SuccessesEverywhere":                        TestSuccessesEverywhere,
	"UnreadBodiesAreNotRequests":                 TestUnreadBodiesAreNotRequests,
	"SmallRefusalsKeepTheirConnection":           TestSmallRefusalsKeepTheirConnection,
	"ExpectIsAnsweredAtOnce":                     TestExpectIsAnsweredAtOnce,
	"RefusedUploadsLearnWhy":                     TestRefusedUploadsLearnWhy,
	"OneAnswerARequest":                          TestOneAnswerARequest,
	"ShortBodies":                                TestShortBodies,
	"ShortBodiesMakeNoKey":                       TestShortBodiesMakeNoKey,
	"ClientsAreNotTheBackendsFault":              TestClientsAreNotTheBackendsFault,
	"BackendUnreachable":                         TestBackendUnreachable,
	"HandlersThatFail":                           TestHandlersThatFail,
	"GatewayInsideGateway":                       TestGatewayInsideGateway,
	"HandleErrorsSeesWhatIsBeforeTheGate":        TestHandleErrorsSeesWhatIsBeforeTheGate,
	"ErrorsAreJSONWhateverIsAccepted":            TestErrorsAreJSONWhateverIsAccepted,
	"StalledErrorIsGivenUp":                      TestStalledErrorIsGivenUp,
	"ClientLeaves":                               TestClientLeaves,
	"ErrorTextCannotEscape":                      TestErrorTextCannotEscape,
	"IdentityHeadersCannotBeForged":              TestIdentityHeadersCannotBeForged,
	"ConnectionAndUpgrade":                       TestConnectionAndUpgrade,
	"WebsocketPasses":                            TestWebsocketPasses,
	"RequestTrailersAreDropped":                  TestRequestTrailersAreDropped,
	"RequestIsPassedUnchanged":                   TestRequestIsPassedUnchanged,
	"RequestReachesBackend":                      TestRequestReachesBackend,
	"TargetsAreRefusedNotRepaired":               TestTargetsAreRefusedNotRepaired,
	"LimitHeadersAreOurs":                        TestLimitHeadersAreOurs,
	"SoManyRequestsMayBeUnderWay":                TestSoManyRequestsMayBeUnderWay,
	"ASlotDoesNotLeak":                           TestASlotDoesNotLeak,
	"AnUpgradedConnectionIsUnderWay":             TestAnUpgradedConnectionIsUnderWay,
	"ABackendSaysNothingOfDeprecationInATrailer": TestABackendSaysNothingOfItInATrailer,
	"EarlyHintsSayNothingOfTheRoute":             TestEarlyHintsSayNothingOfTheRoute,
	"PlaceholdersAreKnownAndEmptyWhenUnset":      TestPlaceholdersAreKnownAndEmptyWhenUnset,
	"NothingIsLeftBehind":                        TestNothingIsLeftBehind,
}

func TestTransportTollgateIsLikeTheStandardOne(t *testing.T) {
	harness.UseTransport(t, "tollgate")
	for name, test := range onBothTransports {
		t.Run(name, test)
	}
}
